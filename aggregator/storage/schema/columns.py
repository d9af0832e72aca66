"""The columns that every schema module uses, and the metadata that all tables belong to."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TextClause,
)
from sqlalchemy.schema import SchemaItem

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
INTEGER = BigInteger().with_variant(Integer(), "sqlite")
BLOB = LargeBinary()
metadata = MetaData()


def key(name: str) -> Column[str]:
    """A text that is (a part of) the primary key."""
    return Column(name, TEXT, primary_key=True)


def number(name: str) -> Column[int]:
    """A number that is."""
    return Column(name, INTEGER, primary_key=True, autoincrement=False)


def series() -> Column[int]:
    """A number that the engine gives to each row."""
    return Column("id", INTEGER, Identity(always=True), primary_key=True)


def texts(*names: str, nullable: bool = False) -> list[Column[str]]:
    """Columns of text."""
    return [Column(name, TEXT, nullable=nullable) for name in names]


def integers(*names: str, nullable: bool = False) -> list[Column[int]]:
    """Columns of whole numbers."""
    return [Column(name, INTEGER, nullable=nullable) for name in names]


def blobs(*names: str) -> list[Column[bytes]]:
    """Columns of bytes."""
    return [Column(name, BLOB, nullable=False) for name in names]


def table(name: str, *items: SchemaItem, rowid: bool = False) -> Table:
    """A table; in SQLite it is its own primary index, except with `rowid` (large rows, and numbered ones)."""
    return Table(name, metadata, *items, sqlite_strict=True, sqlite_with_rowid=rowid)


def partial(name: str, *columns: str, where: TextClause) -> Index:
    """An index of the rows that a condition holds for."""
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)
