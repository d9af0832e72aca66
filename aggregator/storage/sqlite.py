"""The embedded store: SQLite in WAL mode with `synchronous=FULL`, one writer, readers with connections of their own.

Crash procedure: every commit is one transaction that is on disk before the broker is told; SQLite's write-ahead log
is replayed when the file is next opened. Nothing else has to be repaired.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from aggregator.settings.postgres import LOCAL, Postgres
from aggregator.storage.database import Row, Value, insert
from aggregator.storage.reader import SqlReader
from aggregator.storage.schema import MIGRATIONS
from aggregator.storage.writer import SqlWriter
from common.errors import ContractError, StoreError

FILE = "aggregator.db"
_BUSY_TIMEOUT_S = 10.0  # another process (`paifang aggregator user add`) may be writing
_READ_TIMEOUT_S = 5.0
_NEVER_FITS = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, OverflowError, UnicodeError)
_Result = TypeVar("_Result")


@contextlib.contextmanager
def mapped() -> Iterator[None]:
    """Map SQLite's errors: values that never fit to `ContractError`, everything else to `StoreError`."""
    try:
        yield
    except _NEVER_FITS as error:
        raise ContractError(f"cannot be stored: {error}") from error
    except sqlite3.Error as error:
        raise StoreError(f"database: {error}") from error


def _mapping(method: Callable[[], _Result]) -> _Result:
    with mapped():
        return method()


class SqliteCursor:
    """SQLite computes rows as they are asked for, so asking can fail too."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        return self._cursor.rowcount

    def fetchone(self) -> Row | None:
        """The next row."""
        row: Row | None = _mapping(self._cursor.fetchone)
        return row

    def fetchall(self) -> list[Row]:
        """All rows that are left."""
        return _mapping(self._cursor.fetchall)


class SqliteDb:
    """A connection to SQLite.

    Args:
        connection: In autocommit mode; owned by this object.
    """

    among = among_numbers = "IN (SELECT value FROM json_each(?))"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, values: Sequence[Value] = ()) -> SqliteCursor:
        """Run one statement; by itself it is a transaction of its own."""
        with mapped():
            return SqliteCursor(self._connection.execute(sql, values))

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run one statement for each row; within a transaction."""
        with mapped():
            self._connection.executemany(sql, rows)

    def load(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
        """Insert many new rows; within a transaction."""
        self.executemany(insert(table, columns), rows)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, on disk when it ends."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class SqliteStore:
    """The store in `<folder>/aggregator.db`.

    Args:
        folder: The data folder; it must exist.
    """

    def __init__(self, folder: Path, _: Postgres = LOCAL, /) -> None:
        self._path = folder / FILE

    def writer(self, sole: bool = True) -> SqlWriter:  # noqa: ARG002 — the embedded broker's port keeps others out
        """Open the writing connection, migrating what an older version left.

        Raises:
            StoreError: The file cannot be opened, or a newer version wrote it.
        """
        with mapped():
            connection = sqlite3.connect(
                self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            try:
                self._path.chmod(0o600)
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute("PRAGMA cache_size=-16384")
                _migrate(connection)
            except BaseException:
                connection.close()
                raise
        return SqlWriter(SqliteDb(connection))

    def reader(self) -> SqlReader:
        """Something to read with. Each call opens its own read-only connection, so threads never meet."""
        return SqlReader(self._reading)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[SqliteDb]:
        uri = f"{self._path.absolute().as_uri()}?mode=ro"
        with mapped():
            connection = sqlite3.connect(uri, uri=True, timeout=_READ_TIMEOUT_S, isolation_level=None)
        with contextlib.closing(SqliteDb(connection)) as db:
            yield db

    def close(self) -> None:
        """Nothing is kept open."""


def _migrate(connection: sqlite3.Connection) -> None:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise StoreError(f"database: version {version} is newer than this program's {len(MIGRATIONS)}")
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version={number};\nCOMMIT;")
