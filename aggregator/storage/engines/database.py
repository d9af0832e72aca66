"""What the statements of this folder run on: SQLAlchemy connections whose errors are ours, for every engine.

SQL text stands here for what SQLAlchemy has no expression for: the start of a transaction, and `one_of`.
"""

from __future__ import annotations

import contextlib
import functools
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

import psycopg
from sqlalchemy import Boolean, ColumnElement, Connection, Dialect, Engine, Table, Text, literal
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError, StatementError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from aggregator.storage.schema.core import INTEGER
from common.errors import ContractError, StoreError

Values = Mapping[str, Any]
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
_NEVER_FITS = (
    *(sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError),
    *(psycopg.IntegrityError, psycopg.DataError),
    psycopg.errors.ProgramLimitExceeded,  # longer than an index takes
    *(OverflowError, UnicodeError),
)
Insert = sqlite.Insert | postgresql.Insert
_DIALECTS: dict[str, tuple[Callable[[Table], Insert], Dialect]] = {
    "sqlite": (sqlite.insert, sqlite.dialect()),
    "postgresql": (postgresql.insert, postgresql.psycopg.dialect()),  # type: ignore[no-untyped-call]
}


@contextlib.contextmanager
def mapped() -> Iterator[None]:
    """Map the drivers' errors: values that can never be stored to `ContractError`, everything else to `StoreError`."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, psycopg.Error, OverflowError, UnicodeError) as error:
        cause = (error.orig or error) if isinstance(error, StatementError) else error
        if isinstance(cause, _NEVER_FITS):
            raise ContractError(f"cannot be stored: {str(cause).strip()}") from error
        raise StoreError(f"database: {str(cause).strip()}") from error


class Database:
    """Connections of one engine; everything raises `ContractError` and `StoreError`.

    Args:
        engine: Its connections commit each statement by themselves; a lost one is replaced when the next is asked for.
        begin: The statement that begins a transaction; in it writers wait for one another.
    """

    def __init__(self, engine: Engine, begin: str = "") -> None:
        self._engine, self._begin = engine, begin
        self._closed = False

    @contextlib.contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection for one thread; each statement is a transaction of its own."""
        self._check_open()
        with mapped(), self._engine.connect() as connection:
            try:
                self._check_open()
                yield connection
            finally:
                if self._closed:  # meanwhile: the pool would keep it
                    connection.invalidate()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("database: it is closed")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All or nothing, on disk when it ends. Does not nest."""
        with self.connection() as connection, connection.begin():
            connection.exec_driver_sql(self._begin, execution_options={"no_parameters": True})
            yield connection

    def run(
        self,
        query: Callable[Concatenate[Connection, Arguments], Result],
        *args: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Result:
        """Run a query on a connection."""
        with self.connection() as connection:
            return query(connection, *args, **named)

    def change(
        self,
        change: Callable[Concatenate[Connection, Arguments], Result],
        *args: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Result:
        """Carry a change out in a transaction."""
        with self.transaction() as connection:
            return change(connection, *args, **named)

    def close(self) -> None:
        """Close the connections, for good."""
        self._closed = True
        self._engine.dispose()


class _Owner(Protocol):
    _db: Database


class Query(Generic[Arguments, Result]):
    """A method that runs a query on a connection of its object's database."""

    def __init__(self, query: Callable[Concatenate[Connection, Arguments], Result]) -> None:
        self._query = query

    def __get__(self, owner: _Owner, _: type[_Owner]) -> Callable[Arguments, Result]:
        return functools.partial(owner._db.run, self._query)


class Change(Generic[Arguments, Result]):
    """A method that carries a change out in a transaction of its object's database."""

    def __init__(self, change: Callable[Concatenate[Connection, Arguments], Result]) -> None:
        self._change = change

    def __get__(self, owner: _Owner, _: type[_Owner]) -> Callable[Arguments, Result]:
        return functools.partial(owner._db.change, self._change)


def upsert(db: Connection, table: Table, *rows: Values) -> None:
    """Insert rows; one with the same primary key is replaced."""
    if rows:
        statement = _compiled(db.dialect.name, table, True)
        db.exec_driver_sql(statement.string, [_arguments(statement, row) for row in rows])


def insert_new(db: Connection, table: Table, *rows: Values) -> bool:
    """Insert rows, but those with a key that is there already; whether the last one was inserted."""
    if not rows:
        return False
    statement = _compiled(db.dialect.name, table, False)
    values = [_arguments(statement, row) for row in rows]
    options = {"preserve_rowcount": True}
    return db.exec_driver_sql(statement.string, values, execution_options=options).rowcount > 0


def insert_for(db: Connection, table: Table) -> Insert:
    """The engine's own INSERT, which has `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return _DIALECTS[db.dialect.name][0](table)


@functools.cache
def _compiled(dialect: str, table: Table, replace: bool) -> SQLCompiler:
    """SQLAlchemy would compile an INSERT with ON CONFLICT anew each time."""
    insert, language = _DIALECTS[dialect]
    statement = insert(table)
    if replace:
        changed = {it.name: statement.excluded[it.name] for it in table.columns if not it.primary_key}
        statement = statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=changed)
    else:
        statement = statement.on_conflict_do_nothing()
    compiled = statement.compile(dialect=language)
    assert isinstance(compiled, SQLCompiler)
    return compiled


def _arguments(statement: SQLCompiler, row: Values) -> Any:
    """As the driver takes them: by position or by name."""
    return row if statement.positiontup is None else tuple(row[name] for name in statement.positiontup)


class _OneOf(FunctionElement[bool]):
    inherit_cache = True
    type = Boolean()

    def self_group(self, against: object = None) -> _OneOf:  # noqa: ARG002
        """It is a condition as it stands: SQLite takes no index for `… IN (…) = 1`, as SQLAlchemy would have it."""
        return self


def one_of(column: ColumnElement[Any], values: Iterable[str | int] | ColumnElement[str]) -> ColumnElement[bool]:
    """The column is one of the values, however many: they go as one parameter, a JSON list (or what stands for it)."""
    listed = values if isinstance(values, ColumnElement) else literal(json.dumps(list(values)), Text)
    return _OneOf(column, listed)


@compiles(_OneOf, "sqlite")
def _one_of_sqlite(element: _OneOf, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(it, **options) for it in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 — what SQLAlchemy made


@compiles(_OneOf, "postgresql")
def _one_of_postgres(element: _OneOf, compiler: SQLCompiler, **options: Any) -> str:
    """An array: the planner cannot make it a join."""
    column, values = (compiler.process(it, **options) for it in element.clauses)
    cast = "::bigint" if next(iter(element.clauses)).type is INTEGER else ""
    return f"{column} = ANY (ARRAY(SELECT json_array_elements_text({values}::json){cast}))"
