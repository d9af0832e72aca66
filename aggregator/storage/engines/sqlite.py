"""The embedded store: SQLite in WAL mode with `synchronous=FULL`, one writer, and a pool of connections that read.

Crash procedure: every commit is one transaction that is on disk before the broker gets an acknowledgement; SQLite's
write-ahead log is replayed when the file is next opened. Nothing else has to be repaired. SQL text here: SQLite's own
settings.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any
from weakref import WeakSet

from sqlalchemy import QueuePool, create_engine, event
from sqlalchemy.exc import DisconnectionError

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
_READING = "PRAGMA cache_size=-1024"
_KEPT = 4
"""Connections that read and stay open, whichever thread asks. To open one and read the schema takes ten times as long
as a short query; more are opened when they are needed, and closed after their query."""


class ReadConnection(sqlite3.Connection):
    """A connection that can end what is still being read on it: such a read shows the past to the next user.

    Attributes:
        file: What `_file_of` gave when it was opened.
    """

    file: tuple[int, int] | None = None

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._cursors: WeakSet[sqlite3.Cursor] = WeakSet()

    def cursor(self, *args: Any) -> sqlite3.Cursor:  # type: ignore[override]  # typeshed has two overloads
        """A cursor, until `end_reads`."""
        made: sqlite3.Cursor = super().cursor(*args)
        self._cursors.add(made)
        return made

    def end_reads(self, *_: object) -> None:
        """Close every cursor; the pool calls it before it takes the connection back."""
        for cursor in list(self._cursors):
            cursor.close()


class SqliteStore:
    """The store in `<folder>/aggregator.db`.

    Args:
        folder: The data folder; it must exist.
    """

    def __init__(self, folder: Path, _: Postgres = LOCAL, /) -> None:
        self._path = folder / FILE
        engine = create_engine(
            "sqlite://", creator=self._open_reader, poolclass=QueuePool, pool_size=_KEPT, max_overflow=-1,
            pool_use_lifo=True,
        )  # fmt: skip
        event.listen(engine, "reset", ReadConnection.end_reads)
        event.listen(engine, "checkout", self._check_file)
        self._read = Database(engine)

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
        """Something to read with. Each query has a read-only connection of the pool for itself."""
        return SqlReader(self._read)

    def close(self) -> None:
        """Close the connections that read. The writer, if it is closed last, writes its log into the file."""
        self._read.close()

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

    def _open_reader(self) -> ReadConnection:
        file = _file_of(self._path)
        uri = f"{self._path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(
            uri, uri=True, timeout=_READ_TIMEOUT_S, isolation_level=None, check_same_thread=False,
            factory=ReadConnection,
        )  # fmt: skip
        try:
            connection.file = file
            connection.execute(_READING)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_file(self, connection: ReadConnection, *_: object) -> None:
        """A connection whose file was removed or replaced is opened again."""
        if connection.file != _file_of(self._path):
            raise DisconnectionError


def _file_of(path: Path) -> tuple[int, int] | None:
    """Device and number of a file; None: it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
