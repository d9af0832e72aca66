"""The store on a PostgreSQL server: one writer that holds a lock, and a bounded pool of connections that read.

Crash procedure: every commit is one transaction with `synchronous_commit`; the server replays its own log. Where a
connection is lost within a commit, whether it took place is unknown: the same events come again, and those that are
stored are known by their ids. The next write connects anew. SQL text here: locks and the session's settings.
"""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import psycopg
from psycopg import conninfo
from psycopg_pool import ConnectionPool, PoolTimeout
from sqlalchemy import NullPool, QueuePool, create_engine

from aggregator.settings.postgres import LOCAL, Postgres
from aggregator.storage import migrations
from aggregator.storage.engines.database import Database
from aggregator.storage.reader import SqlReader
from aggregator.storage.writer import SqlWriter
from common.errors import StoreError

Connection = psycopg.Connection[tuple[object, ...]]
_DIALECT = "postgresql+psycopg://"
_PROBE_AFTER_S, _WAIT_S = 1.0, 10.0
_SOLE_WAIT = "2s"  # a connection that was just closed takes a moment to give its lock back
_CONNECT_S = 5
_SOLE, _WRITING = (0x50616966, 1), (0x50616966, 2)
"""Advisory locks, in a space of our own ("Paif"): being the aggregator, and writing right now."""
_BEGIN = f"BEGIN; SELECT pg_advisory_xact_lock{_WRITING}"
_OPTIONS = (
    "lock_timeout=10s",
    "plan_cache_mode=force_custom_plan",  # a rare value and a common one want different plans
    "tcp_keepalives_idle=20",  # a peer that is gone gives its lock back within a minute
    "tcp_keepalives_interval=10",
    "tcp_keepalives_count=3",
    "client_min_messages=error",
)
_READING = (
    "default_transaction_read_only=on",
    # Each query is a short scan of an index, but a planner that guesses wrong would read whole tables.
    *(f"enable_{way}=off" for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin")),
    "jit=off",
)


class PostgresStore:
    """The store in a database that exists already; its tables are made on first use.

    Args:
        settings: Where it is.
    """

    def __init__(self, _: Path, settings: Postgres = LOCAL, /) -> None:
        self._settings = settings
        self._pool = ConnectionPool(
            lambda: self._address(*_READING), kwargs={"autocommit": True}, min_size=0, max_size=settings.readers,
            open=False, close_returns=True, check=ConnectionPool.check_connection, timeout=_WAIT_S, num_workers=1,
        )  # fmt: skip
        self._probing = threading.Lock()
        self._read = Database(
            create_engine(_DIALECT, poolclass=NullPool, creator=self._borrow, use_native_hstore=False)
        )

    def writer(self, sole: bool = True) -> SqlWriter:
        """Open the writing connection, migrating what an older version left.

        Args:
            sole: Be the one aggregator; without it, write beside the one that may be running.

        Raises:
            StoreError: The server cannot be reached, another aggregator uses the database, or a newer version did.
        """
        engine = create_engine(
            _DIALECT, poolclass=QueuePool, pool_size=1, max_overflow=0, use_native_hstore=False,
            creator=lambda: self._open_writer(sole),
        )  # fmt: skip
        db = Database(engine, _BEGIN)
        migrations.upgrade(db)
        return SqlWriter(db)

    def reader(self) -> SqlReader:
        """Something to read with, on the store's pool."""
        return SqlReader(self._read)

    def close(self) -> None:
        """Close the connections that read."""
        self._pool.close()

    def _borrow(self) -> Connection:
        """A connection of the pool, which takes it back when it is closed."""
        self._pool.open()
        with contextlib.suppress(PoolTimeout):
            return self._pool.getconn(_PROBE_AFTER_S)
        self._probe()
        try:
            return self._pool.getconn()
        except PoolTimeout:
            problem = "database: all connections that read are busy; set postgres.readers higher"
            raise StoreError(problem) from None

    def _probe(self) -> None:
        """Raise the reason where the server cannot be reached: the pool itself would only go on trying."""
        if self._probing.acquire(blocking=False):
            try:
                self._connect().close()
            finally:
                self._probing.release()

    def _address(self, *options: str) -> str:
        words = conninfo.conninfo_to_dict(self._settings.dsn)
        words.setdefault("connect_timeout", _CONNECT_S)
        more = " ".join(f"-c {option}" for option in (*_OPTIONS, *options))
        words["options"] = f"{words.get('options', '')} {more}".strip()
        password = self._settings.password()
        if password is not None:
            words["password"] = password.reveal()
        words["client_encoding"] = "utf8"
        return conninfo.make_conninfo("", **words)

    def _connect(self) -> Connection:
        return psycopg.connect(self._address(), autocommit=True)

    def _open_writer(self, sole: bool) -> Connection:
        connection = self._connect()
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
