"""The store on a PostgreSQL server: one writer that holds a lock, and a bounded pool of connections that read.

Crash procedure: every commit is one transaction with `synchronous_commit`; the server replays its own log. Where a
connection is lost within a commit, whether it took place is unknown: the same events come again, and those that are
stored are known by their ids. The next write connects anew.
"""

from __future__ import annotations

import contextlib
import functools
import select
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import psycopg
from psycopg import conninfo

from aggregator.settings.postgres import LOCAL, Postgres
from aggregator.storage.database import Row, Value
from aggregator.storage.reader import SqlReader
from aggregator.storage.schema import MIGRATIONS, for_postgres
from aggregator.storage.writer import SqlWriter
from common.errors import ContractError, StoreError

Connection = psycopg.Connection[Row]
_WAIT_S = 10.0
_SOLE_WAIT = "2s"  # a connection that was just closed takes a moment to give its lock back
_CONNECT_S = 5
_SOLE, _TURN = (0x50616966, 1), (0x50616966, 2)
"""Advisory locks, in a space of our own ("Paif"): being the aggregator, and writing right now."""
_OPTIONS = " ".join(
    f"-c {option}"
    for option in (
        "lock_timeout=10s",
        "plan_cache_mode=force_custom_plan",  # a rare value and a common one want different plans
        "tcp_keepalives_idle=20",  # a peer that is gone gives its lock back within a minute
        "tcp_keepalives_interval=10",
        "tcp_keepalives_count=3",
        "client_min_messages=error",
    )
)
_READING = " ".join(
    f"-c {option}"
    for option in (
        "default_transaction_read_only=on",
        # What we ask is a short walk through an index, but a planner that guesses wrong would read whole tables.
        *(f"enable_{way}=off" for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin")),
        "jit=off",
    )
)
_NEVER_FITS = (
    psycopg.IntegrityError,
    psycopg.DataError,
    psycopg.errors.ProgramLimitExceeded,  # longer than an index takes
    OverflowError,
    UnicodeError,
)


@contextlib.contextmanager
def mapped() -> Iterator[None]:
    """Map psycopg's errors: values that never fit to `ContractError`, everything else to `StoreError`."""
    try:
        yield
    except _NEVER_FITS as error:
        raise ContractError(f"cannot be stored: {str(error).strip()}") from error
    except psycopg.Error as error:
        raise StoreError(f"database: {str(error).strip()}") from error


@functools.cache
def _own(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")


class PostgresDb:
    """A connection to PostgreSQL that comes back when it was lost.

    Args:
        connect: Opens one, ready for use; called when there is none.
    """

    among = "= ANY (ARRAY(SELECT json_array_elements_text(?::json)))"  # an array: the planner cannot make it a join
    among_numbers = "= ANY (ARRAY(SELECT json_array_elements_text(?::json)::bigint))"

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._inside = self._ended = False

    @contextlib.contextmanager
    def _ready(self) -> Iterator[Connection]:
        with mapped():
            connection = self._connection
            if connection is None or connection.closed:
                if self._inside or self._ended:
                    problem = "it is closed" if self._ended else "the connection was lost within a transaction"
                    raise StoreError(f"database: {problem}")
                connection = self._connection = self._connect()
            yield connection

    def execute(self, sql: str, values: Sequence[Value] = ()) -> psycopg.Cursor[Row]:
        """Run one statement; by itself it is a transaction of its own. All rows are here when this returns."""
        with self._ready() as connection:
            return connection.execute(_own(sql).encode(), values)

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run one statement for each row, without waiting for each answer; within a transaction."""
        with self._ready() as connection, connection.cursor() as cursor:
            cursor.executemany(_own(sql).encode(), rows)

    def load(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
        """Insert many new rows with COPY; within a transaction."""
        sql = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
        with self._ready() as connection, connection.cursor() as cursor, cursor.copy(sql.encode()) as copy:
            for row in rows:
                copy.write_row(row)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, on disk when it ends; one writer at a time, as `BEGIN IMMEDIATE` has it in SQLite."""
        with self._ready() as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", _TURN)
            self._inside = True
            try:
                yield
            finally:
                self._inside = False

    @property
    def stale(self) -> bool:
        """The server has hung up, or has said something that nobody asked for: that is a farewell."""
        if self._connection is None:
            return False
        if self._connection.closed:
            return True
        poll = select.poll()
        poll.register(self._connection.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Close the connection, for good."""
        self._ended = True
        if self._connection is not None:
            self._connection.close()


class Pool:
    """Lends connections that only read: as many as are asked for, up to a bound; then one waits.

    Args:
        connect: Opens one.
        most: The bound.
    """

    def __init__(self, connect: Callable[[], Connection], most: int) -> None:
        self._connect = connect
        self._slots = threading.BoundedSemaphore(most)
        self._idle: list[PostgresDb] = []  # append and pop are atomic

    @contextlib.contextmanager
    def lend(self) -> Iterator[PostgresDb]:
        """A connection, for one thread.

        Raises:
            StoreError: None became free in time.
        """
        if not self._slots.acquire(timeout=_WAIT_S):
            raise StoreError("database: all connections that read are busy; set postgres.readers higher")
        try:
            db = self._take()
            try:
                yield db
            except BaseException:
                db.close()
                raise
            self._idle.append(db)
        finally:
            self._slots.release()

    def _take(self) -> PostgresDb:
        while self._idle:
            db = self._idle.pop()
            if not db.stale:
                return db
            db.close()
        return PostgresDb(self._connect)

    def close(self) -> None:
        """Close those that nobody has."""
        while self._idle:
            self._idle.pop().close()


class PostgresStore:
    """The store in a database that exists already; its tables are made on first use.

    Args:
        settings: Where it is.
    """

    def __init__(self, _: Path, settings: Postgres = LOCAL, /) -> None:
        self._settings = settings
        self._pool = Pool(functools.partial(self._open, _READING), settings.readers)

    def writer(self, sole: bool = True) -> SqlWriter:
        """Open the writing connection, migrating what an older version left.

        Args:
            sole: Be the one aggregator; without it, write beside the one that may be running.

        Raises:
            StoreError: The server cannot be reached, another aggregator uses the database, or a newer version did.
        """
        db = PostgresDb(functools.partial(self._open_writer, sole))
        try:
            _migrate(db)
        except BaseException:
            db.close()
            raise
        return SqlWriter(db)

    def reader(self) -> SqlReader:
        """Something to read with, on the store's pool."""
        return SqlReader(self._pool.lend)

    def close(self) -> None:
        """Close the connections that read."""
        self._pool.close()

    def _open(self, more: str = "") -> Connection:
        words = conninfo.conninfo_to_dict(self._settings.dsn)
        words.setdefault("connect_timeout", _CONNECT_S)
        words["options"] = f"{words.get('options', '')} {_OPTIONS} {more}".strip()
        password = self._settings.password()
        if password is not None:
            words["password"] = password.reveal()
        words["client_encoding"] = "utf8"
        return psycopg.connect(conninfo.make_conninfo("", **words), autocommit=True)

    def _open_writer(self, sole: bool) -> Connection:
        connection = self._open()
        try:
            if sole:
                _be_sole(connection)
            if connection.execute("SHOW synchronous_commit").fetchone() == ("off",):
                connection.execute("SET synchronous_commit TO on")
        except BaseException:
            connection.close()
            raise
        return connection


def _be_sole(connection: Connection) -> None:
    try:
        with connection.transaction():
            connection.execute(f"SET LOCAL lock_timeout = '{_SOLE_WAIT}'")
            connection.execute("SELECT pg_advisory_lock(%s, %s)", _SOLE)  # the session's: it outlives this transaction
    except psycopg.errors.LockNotAvailable as error:
        problem = "database: another aggregator is using it; stop that one, or give this one a database of its own"
        raise StoreError(problem) from error


def _migrate(db: PostgresDb) -> None:
    with db.transaction():
        db.execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
        row = db.execute("SELECT version FROM schema_version").fetchone()
        version = int(row[0]) if row else 0
        if version > len(MIGRATIONS):
            raise StoreError(f"database: version {version} is newer than this program's {len(MIGRATIONS)}")
        if row is None:
            db.execute("INSERT INTO schema_version VALUES (0)")
        for script in MIGRATIONS[version:]:
            db.execute(for_postgres(script))
        db.execute("UPDATE schema_version SET version = ?", (len(MIGRATIONS),))
