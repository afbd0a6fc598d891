"""A decision service: it ranks loans for whoever a journey asks about.

    python examples/decision_service/service.py --bootstrap 127.0.0.1:9092

It answers at least once: a request counts as read when Kafka has the reply. What is read again
after a crash is answered again, with the same messageId, and only the first reply to a request
counts. So it may be killed at any time, and several may run beside each other.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

Offer = dict[str, Any]

# Best first: from which monthly income on it is offered, and what it is.
LOANS: list[tuple[float, Offer]] = [
    (6_000, {"offer_id": "platinum_loan", "rate": 2.1, "limit": 80_000}),
    (3_000, {"offer_id": "gold_loan", "rate": 2.9, "limit": 30_000}),
    (1_500, {"offer_id": "starter_loan", "rate": 4.9, "limit": 5_000}),
]


def rank_loans(attributes: Mapping[str, Any]) -> list[Offer]:
    """Return the loans that an income allows, the best first."""
    income = attributes.get("income")
    if not isinstance(income, int | float):
        return []
    return [loan for least, loan in LOANS if income >= least]


FLOWS: dict[str, Callable[[Mapping[str, Any]], list[Offer]]] = {"df_personal_loans": rank_loans}


def reply_to(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the reply to a request; no offers for a flow that is not known, so nobody waits."""
    rank = FLOWS.get(request["flow"])
    who = "userId" if "userId" in request else "anonymousId"
    return {
        "requestId": request["requestId"],
        who: request[who],
        "offers": rank(request["attributes"])[: request["maxOffers"]] if rank else [],
        "messageId": f"reply-{request['requestId']}",
    }


async def serve(bootstrap: str, topic: str, group: str) -> None:
    """Answer requests until the process is ended."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        # A request of a worker that died before its commit was never made.
        isolation_level="read_committed",
    )
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True)
    async with consumer, producer:
        while True:
            fetched = await consumer.getmany(timeout_ms=500)
            sent = []
            for record in (record for records in fetched.values() for record in records):
                request = orjson.loads(record.value)
                reply = orjson.dumps(reply_to(request))
                sent.append(await producer.send(request["replyTo"], reply, key=record.key))
            if sent:
                await asyncio.gather(*sent)
                await consumer.commit()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bootstrap", default="127.0.0.1:9092", help="where Kafka is")
    parser.add_argument("--requests", default="decision-requests", help="the topic that it reads")
    parser.add_argument("--group", default="decision-service", help="its consumer group")
    given = parser.parse_args()
    asyncio.run(serve(given.bootstrap, given.requests, given.group))
