"""Where the aggregator keeps things. A new store is one module and one line in `STORES`."""

from __future__ import annotations

from aggregator.domain.store_port import StoreFactory
from aggregator.storage.engines.postgres import PostgresStore
from aggregator.storage.engines.sqlite import SqliteStore

STORES: dict[str, StoreFactory] = {
    "sqlite": SqliteStore,
    "postgres": PostgresStore,
}
"""Name in the settings → makes the store."""
