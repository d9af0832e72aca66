"""What the statements of this folder run on: one connection, whichever engine is behind it.

SQL is written once, in the part of the language that every engine of `STORES` understands: `?` for a value (never in
a literal), `INSERT … ON CONFLICT … DO UPDATE`, `RETURNING`, row values, `"user"` in quotes. Columns are TEXT, INTEGER
(64 bits) or BLOB; a bool goes in as an int. What an engine must say in its own way stands in `Db.among`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

Value = str | int | bytes | None
Row = tuple[Any, ...]


class Cursor(Protocol):
    """What a statement gave. Reading raises what `Db.execute` raises."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""

    def fetchone(self) -> Row | None:
        """The next row."""

    def fetchall(self) -> list[Row]:
        """All rows that are left."""


class Database(Protocol):
    """A connection; used by one thread at a time.

    Everything raises `ContractError` for values that can never be stored and `StoreError` for everything else.
    """

    among: str
    """Completes `WHERE column …`: the column is one of the texts in a JSON list, which is the one value."""
    among_numbers: str
    """The same for whole numbers."""

    def execute(self, sql: str, values: Sequence[Value] = ()) -> Cursor:
        """Run one statement; by itself it is a transaction of its own."""

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run one statement for each row; within a transaction."""

    def load(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
        """Insert many new rows, the fastest way there is; within a transaction."""

    def transaction(self) -> contextlib.AbstractContextManager[None]:
        """All or nothing, on disk when it ends; writers wait for one another at its beginning. Does not nest."""

    def close(self) -> None:
        """Close it."""


def upsert(table: str, columns: Sequence[str], *key: str) -> str:
    """The statement that inserts a row, or replaces the one with the same `key`."""
    changed = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    return f"{insert(table, columns)} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changed}"


def insert(table: str, columns: Sequence[str]) -> str:
    """The statement that inserts a row."""
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
