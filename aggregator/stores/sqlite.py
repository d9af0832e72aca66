"""The embedded store: SQLite in WAL mode with `synchronous=FULL`, one writer, readers with connections of their own.

Crash procedure: every commit is one transaction that is on disk before the broker is told; SQLite's write-ahead log
is replayed when the file is next opened. Nothing else has to be repaired.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from aggregator.stores.schema import MIGRATIONS
from aggregator.stores.sqlite_read import SqliteReader
from aggregator.stores.sqlite_write import SqliteWriter
from common.errors import ContractError, StoreError

FILE = "aggregator.db"
_BUSY_TIMEOUT_S = 10.0  # another process (`paifang aggregator user add`) may be writing
_NEVER_FITS = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, OverflowError, UnicodeError)


@contextlib.contextmanager
def mapped() -> Iterator[None]:
    """Map SQLite's errors: values that never fit to `ContractError`, everything else to `StoreError`."""
    try:
        yield
    except _NEVER_FITS as error:
        raise ContractError(f"cannot be stored: {error}") from error
    except sqlite3.Error as error:
        raise StoreError(f"database: {error}") from error


class SqliteStore:
    """The store in `<folder>/aggregator.db`.

    Args:
        folder: The data folder; it must exist.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def writer(self) -> SqliteWriter:
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
        return SqliteWriter(connection, mapped)

    def reader(self) -> SqliteReader:
        """Something to read with. Each call opens its own read-only connection, so threads never meet."""
        return SqliteReader(self._path, mapped)


def _migrate(connection: sqlite3.Connection) -> None:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise StoreError(f"database: version {version} is newer than this program's {len(MIGRATIONS)}")
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version={number};\nCOMMIT;")
