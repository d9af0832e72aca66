"""The embedded store: SQLite in WAL mode with `synchronous=FULL`, one writer, readers with connections of their own.

Crash procedure: every commit is one transaction that is on disk before the broker gets an acknowledgement; SQLite's
write-ahead log is replayed when the file is next opened. Nothing else has to be repaired. SQL text here: SQLite's own
settings.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import NullPool, QueuePool, create_engine

from aggregator.settings.postgres import LOCAL, Postgres
from aggregator.storage import migrations
from aggregator.storage.engines.database import Database
from aggregator.storage.reader import SqlReader
from aggregator.storage.writer import SqlWriter

FILE = "aggregator.db"
_BUSY_TIMEOUT_S = 10.0  # another process (`paifang aggregator user add`) may be writing
_READ_TIMEOUT_S = 5.0
_WRITING = ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA cache_size=-4096")
"""4 MB of pages: 16 MB store no more events a second (the system caches the file), and the process grows for hours."""


class SqliteStore:
    """The store in `<folder>/aggregator.db`.

    Args:
        folder: The data folder; it must exist.
    """

    def __init__(self, folder: Path, _: Postgres = LOCAL, /) -> None:
        self._path = folder / FILE
        self._read = Database(create_engine("sqlite://", poolclass=NullPool, creator=self._open_reader))

    def writer(self, sole: bool = True) -> SqlWriter:  # noqa: ARG002 — the embedded broker's port keeps others out
        """Open the writing connection, migrating what an older version left.

        Raises:
            StoreError: The file cannot be opened, or a newer version wrote it.
        """
        one = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0}
        db = Database(create_engine("sqlite://", creator=self._open_writer, **one), "BEGIN IMMEDIATE")
        migrations.upgrade(db)
        return SqlWriter(db)

    def reader(self) -> SqlReader:
        """Something to read with. Each call opens its own read-only connection, so threads never meet."""
        return SqlReader(self._read)

    def close(self) -> None:
        """Nothing is kept open."""

    def _open_writer(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            self._path.chmod(0o600)
            for statement in _WRITING:
                connection.execute(statement)
        except BaseException:
            connection.close()
            raise
        return connection

    def _open_reader(self) -> sqlite3.Connection:
        uri = f"{self._path.absolute().as_uri()}?mode=ro"
        return sqlite3.connect(uri, uri=True, timeout=_READ_TIMEOUT_S, isolation_level=None)
