"""What a commit fails by, for who watches metrics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import IllegalOperation, KafkaError, ProducerFenced

from journeystream import metrics
from journeystream.broker_refusals import NOT_ALLOWED
from journeystream.errors import OutputRefused


@contextmanager
def counted(partition: int) -> Iterator[None]:
    """Count what fails in the block by its reason, and let it pass."""
    try:
        yield
    except OutputRefused as refused:
        metrics.COMMITS_FAILED.labels(partition, refused.reason).inc()
        raise
    except NOT_ALLOWED:
        metrics.COMMITS_FAILED.labels(partition, "not_allowed").inc()
        raise
    # Fenced while it sends, aiokafka says at the next send that there is no transaction.
    except (ProducerFenced, IllegalOperation):
        metrics.COMMITS_FAILED.labels(partition, "fenced").inc()
        raise
    except KafkaError:
        metrics.COMMITS_FAILED.labels(partition, "unreachable").inc()
        raise
