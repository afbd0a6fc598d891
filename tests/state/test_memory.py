"""The store in memory keeps the contract of stores."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from journeystream.state.memory import MemoryStore
from journeystream.state.store import Store
from tests.state.store_contract import StoreContract


class TestMemoryStore(StoreContract):
    """The promises of every store, kept in memory."""

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        """Open an empty store."""
        store = MemoryStore()
        yield store
        store.close()
