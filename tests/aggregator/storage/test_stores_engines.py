"""What is an engine's own: SQLite's file, PostgreSQL's connections and locks, and what their errors become."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import psycopg
import pytest
import sqlalchemy
from agg_support import START_NS, event
from postgres_kit import Server
from sqlalchemy import select, update

from aggregator import app
from aggregator.domain.accounts.account import PutUser
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.read_models import Batch, ReceivedEvent
from aggregator.domain.store_port import Store
from aggregator.settings import aggregator
from aggregator.settings.postgres import Postgres
from aggregator.storage import STORES
from aggregator.storage.engines import postgres as postgres_store
from aggregator.storage.engines import sqlite as sqlite_store
from aggregator.storage.engines.database import mapped
from aggregator.storage.engines.postgres import PostgresStore
from aggregator.storage.engines.sqlite import SqliteStore
from aggregator.storage.schema.core import counters, events
from common import settings_loader
from common.errors import ContractError, SettingsError, StoreError

Databases = Callable[[], Postgres]


def filed(*sequences: int) -> Batch:
    return Batch(events=[ReceivedEvent(event(it), None, START_NS) for it in sequences])


def hang_up(server: Server, place: Postgres) -> int:
    """End every session of a database, as a server does that is restarted."""
    name = psycopg.conninfo.conninfo_to_dict(place.dsn)["dbname"]
    sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    with server.connect() as admin:
        return len(admin.execute(sql, (name,)).fetchall())


def test_a_store_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    nowhere = Postgres(dsn=f"host={tmp_path} dbname=paifang connect_timeout=2")
    for make in STORES.values():
        with pytest.raises(StoreError):
            make(tmp_path / "nowhere", nowhere).writer()


def test_sqlite_refuses_garbage(tmp_path: Path) -> None:
    (tmp_path / sqlite_store.FILE).write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StoreError):
        SqliteStore(tmp_path).writer()


@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        (sqlite3.OperationalError("disk full"), StoreError),
        (sqlite3.DatabaseError("malformed"), StoreError),
        (sqlite3.IntegrityError("twice"), ContractError),
        (sqlite3.DataError("too big"), ContractError),
        (psycopg.OperationalError("gone"), StoreError),
        (psycopg.InterfaceError("closed"), StoreError),
        (psycopg.errors.DiskFull("disk full"), StoreError),
        (psycopg.errors.UndefinedTable("no such"), StoreError),
        (psycopg.errors.UniqueViolation("twice"), ContractError),
        (psycopg.DataError("NUL"), ContractError),
        (psycopg.errors.ProgramLimitExceeded("index row too long"), ContractError),
        (OverflowError("int too large"), ContractError),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogate"), ContractError),
        (sqlalchemy.exc.IntegrityError("INSERT", None, sqlite3.IntegrityError("twice")), ContractError),
        (sqlalchemy.exc.OperationalError("INSERT", None, sqlite3.OperationalError("disk full")), StoreError),
        (sqlalchemy.exc.PendingRollbackError("lost"), StoreError),
    ],
)
def test_the_drivers_errors_are_mapped(foreign: Exception, ours: type[Exception]) -> None:
    with pytest.raises(ours), mapped():
        raise foreign


@pytest.mark.parametrize("value", [1 << 70, "\ud800", "\0" * 3])
def test_values_that_never_fit_are_the_contracts_error(make_store: Callable[[], Store], value: object) -> None:
    writer = make_store().writer()
    number, text = (value, "x") if isinstance(value, int) else (1, str(value))
    change = PutUser(text, "hash", number)
    entry = AuditEntry(time_ns=1, who="li", what="role.changed")
    if value == "\0" * 3 and isinstance(make_store(), SqliteStore):
        writer.change_account(change, entry)  # SQLite stores it
    else:
        with pytest.raises(ContractError):
            writer.change_account(change, entry)
    writer.close()


def test_sqlite_is_durable_and_private(tmp_path: Path) -> None:
    writer = SqliteStore(tmp_path).writer()
    assert (tmp_path / sqlite_store.FILE).stat().st_mode & 0o777 == 0o600
    with writer._db.connection() as db:
        assert db.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert db.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        tables = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT strict"
        loose = [name for name in db.exec_driver_sql(tables).scalars() if not name.startswith("sqlite_")]
    assert loose == ["alembic_version"]
    writer.close()


def test_sqlite_keeps_few_connections_that_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To open one takes ten times as long as a short query; what a burst opens is closed after it."""
    opened: list[sqlite3.Connection] = []
    real = SqliteStore._open_reader

    def counted(self: SqliteStore) -> sqlite3.Connection:
        opened.append(real(self))
        return opened[-1]

    monkeypatch.setattr(SqliteStore, "_open_reader", counted)
    store = SqliteStore(tmp_path)
    with contextlib.closing(store.writer()):
        for _ in range(20):
            store.reader().accounts()
        assert len(opened) == 1
        with contextlib.ExitStack() as stack:
            for _ in range(20):
                stack.enter_context(store._read.connection()).execute(select(counters))
        assert len(opened) == 20
        assert sum(is_open(it) for it in opened) == sqlite_store._KEPT
        store.close()
        assert not any(is_open(it) for it in opened)
        with pytest.raises(StoreError):
            store.reader().accounts()


def test_a_read_that_was_not_finished_keeps_no_old_state_and_no_log(tmp_path: Path) -> None:
    """Its connection goes back without a transaction: else its next reader saw the past, and the log grew for ever."""
    store = SqliteStore(tmp_path)
    with contextlib.closing(store.writer()) as writer:
        writer.apply(filed(1, 2, 3))
        with store._read.connection() as db:
            unfinished = db.execute(select(events))
            assert unfinished.fetchone()
        writer.apply(filed(4))
        assert store.reader().event_count() == 4
        with contextlib.closing(sqlite3.connect(tmp_path / sqlite_store.FILE)) as other:
            busy, *_ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert not busy
    store.close()


def test_sqlite_is_one_complete_file_after_a_stop(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    with contextlib.closing(store.writer()) as writer, contextlib.closing(store):
        writer.apply(filed(1))
        assert store.reader().event_count() == 1
    assert [it.name for it in tmp_path.iterdir()] == [sqlite_store.FILE]


def test_a_connection_that_was_in_use_is_closed_after_the_store(tmp_path: Path) -> None:
    """Else it was the last one, and the writer left its log beside the file."""
    store = SqliteStore(tmp_path)
    with contextlib.closing(store.writer()) as writer:
        writer.apply(filed(1))
        with store._read.connection() as db:
            store.close()
            assert db.execute(select(events)).all()
    assert [it.name for it in tmp_path.iterdir()] == [sqlite_store.FILE]


def test_a_database_that_was_removed_or_replaced_is_noticed(tmp_path: Path) -> None:
    folders = tmp_path / "here", tmp_path / "other"
    for folder, count in zip(folders, (1, 2), strict=True):
        folder.mkdir()
        with contextlib.closing(SqliteStore(folder).writer()) as writer:
            writer.apply(filed(*range(1, count + 1)))
    here, other = (folder / sqlite_store.FILE for folder in folders)
    with contextlib.closing(SqliteStore(folders[0])) as store:
        assert store.reader().event_count() == 1
        here.unlink()
        with pytest.raises(StoreError):
            store.reader().event_count()
        other.rename(here)
        assert store.reader().event_count() == 2


def is_open(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return False
    return True


def test_sqlite_writers_wait_for_one_another_from_the_beginning(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path).writer()
    other = sqlite3.connect(tmp_path / sqlite_store.FILE, timeout=0)
    with first._db.transaction(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("UPDATE counters SET value = 1")
    other.close()
    first.close()


def test_a_closed_writer_stays_closed(make_store: Callable[[], Store]) -> None:
    writer = make_store().writer()
    writer.close()
    with pytest.raises(StoreError, match="closed"):
        writer.apply(filed(1))


def test_a_lost_connection_fails_one_write_and_the_next_one_connects(
    postgres_server: Server, postgres_databases: Databases
) -> None:
    place = postgres_databases()
    store = STORES["postgres"](Path(), place)
    writer, reader = store.writer(), store.reader()
    writer.apply(filed(1))
    assert reader.event_count() == 1
    assert hang_up(postgres_server, place) == 2
    with pytest.raises(StoreError):
        writer.apply(filed(2))
    writer.apply(filed(2))
    assert reader.event_count() == 2  # the pool had noticed by itself
    with pytest.raises(StoreError, match="another aggregator"):
        store.writer()  # the lock came back with the connection
    writer.close()
    store.close()


def test_a_connection_that_is_lost_in_a_transaction_takes_all_of_it(
    postgres_server: Server, postgres_databases: Databases
) -> None:
    place = postgres_databases()
    writer = PostgresStore(Path(), place).writer()

    def lose_it() -> None:
        with writer._db.transaction() as db:
            db.execute(update(counters).values(value=77))
            hang_up(postgres_server, place)
            with pytest.raises(sqlalchemy.exc.OperationalError):
                db.execute(update(counters).values(value=88))
            db.execute(update(counters).values(value=99))  # must not land on a new connection

    with pytest.raises(StoreError, match="transaction"):
        lose_it()
    with writer._db.connection() as db:
        assert set(db.execute(select(counters.c.value)).scalars()) == {0}
    writer.close()


def test_there_is_one_aggregator_to_a_database(postgres_databases: Databases) -> None:
    place = postgres_databases()
    first, second = STORES["postgres"](Path(), place), STORES["postgres"](Path(), place)
    writer = first.writer()
    with pytest.raises(StoreError, match="another aggregator is using it"):
        second.writer()
    beside = second.writer(sole=False)
    beside.apply(filed(1))
    writer.apply(filed(2))
    writer.close()
    second.writer().close()
    beside.close()


def test_postgres_flushes_though_the_server_would_not(postgres_server: Server, postgres_databases: Databases) -> None:
    place = postgres_databases()
    name = psycopg.conninfo.conninfo_to_dict(place.dsn)["dbname"]
    with postgres_server.connect() as admin:
        admin.execute(f"ALTER DATABASE {name} SET synchronous_commit TO off")
    writer = PostgresStore(Path(), place).writer()
    with writer._db.connection() as db:
        assert db.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    writer.close()


def test_the_pool_is_bounded_and_only_reads(postgres_databases: Databases) -> None:
    store = PostgresStore(Path(), msgspec.structs.replace(postgres_databases(), readers=2))
    store.writer().close()
    busy, most, lock = [0], [0], threading.Lock()

    def read() -> None:
        with store._read.connection() as db:
            with lock:
                busy[0] += 1
                most[0] = max(most[0], busy[0])
            db.exec_driver_sql("SELECT pg_sleep(0.02)")
            with lock:
                busy[0] -= 1

    threads = [threading.Thread(target=read) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [2]
    assert store._pool.get_stats()["pool_size"] == 2
    with pytest.raises(StoreError, match="read-only"), store._read.connection() as db:
        db.execute(update(counters).values(value=1))
    store.close()


def test_a_read_without_a_connection_fails_with_the_reason(
    postgres_databases: Databases, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(postgres_store, "_PROBE_AFTER_S", 0.05)
    store = PostgresStore(Path(), msgspec.structs.replace(postgres_databases(), readers=1))
    store.writer().close()
    reader = store.reader()
    assert reader.event_count() == 0
    store._pool.timeout = 0.05
    with store._read.connection(), pytest.raises(StoreError, match=r"set postgres\.readers higher"):
        reader.event_count()
    store._pool.timeout = 10
    assert reader.event_count() == 0
    store.close()
    nowhere = PostgresStore(Path(), Postgres(dsn=f"host={tmp_path} dbname=paifang connect_timeout=2"))
    with pytest.raises(StoreError, match=r"connection failed|No such file"):
        nowhere.reader().event_count()
    nowhere.close()


def test_a_wrong_password_and_a_missing_file_are_said(postgres_databases: Databases, tmp_path: Path) -> None:
    place = postgres_databases()
    (tmp_path / "password").write_text("not that\n")
    wrong = msgspec.structs.replace(place, password_file=str(tmp_path / "password"))
    with pytest.raises(StoreError, match="password authentication failed"):
        STORES["postgres"](tmp_path, wrong).writer()
    missing = msgspec.structs.replace(place, password_file=str(tmp_path / "none"))
    with pytest.raises(SettingsError, match=r"postgres\.password_file"):
        STORES["postgres"](tmp_path, missing).writer()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("dsn: 'host=db password=hunter2'", "password_file"),
        ("dsn: 'postgresql://paifang:hunter2@db/paifang'", "password_file"),
        ("dsn: 'hots=db'", "not what libpq reads"),
        ("readers: 0", "readers"),
        ("host: db", "dsn"),
    ],
)
def test_settings_that_cannot_be_are_refused(line: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        settings_loader.loads(line, Postgres)


def test_the_aggregators_settings_lead_to_the_server(postgres_databases: Databases, tmp_path: Path) -> None:
    place = postgres_databases()
    (tmp_path / "word").write_text(Path(str(place.password_file)).read_text() + "\n")
    (tmp_path / "a.yaml").write_text(f"store: postgres\npostgres: {{dsn: '{place.dsn}', password_file: word}}\n")
    loaded = aggregator.load(tmp_path / "a.yaml")
    assert loaded.postgres.password_file == str(tmp_path / "word")
    store = app.open_store(loaded)
    writer = store.writer()
    writer.apply(filed(1))
    assert store.reader().event_count() == 1
    writer.close()
    store.close()
