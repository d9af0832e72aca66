"""What is an engine's own: SQLite's file, PostgreSQL's connections and locks, and what their errors become."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import psycopg
import pytest
from agg_support import START_NS, event

from aggregator import app
from aggregator.domain.read_models import Batch, Filed
from aggregator.settings import aggregator
from aggregator.settings.postgres import Postgres
from aggregator.storage import STORES, schema
from aggregator.storage import postgres as postgres_store
from aggregator.storage import sqlite as sqlite_store
from aggregator.storage.sqlite import SqliteStore
from benchmarks.postgres_kit import Server
from common import settings_loader
from common.errors import ContractError, SettingsError, StoreError

Databases = Callable[[], Postgres]


def filed(*sequences: int) -> Batch:
    return Batch(events=[Filed(event(it), None, START_NS) for it in sequences])


def hang_up(server: Server, place: Postgres) -> int:
    """End every session of a database, as a server does that is restarted."""
    name = psycopg.conninfo.conninfo_to_dict(place.dsn)["dbname"]
    sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    with server.connect() as admin:
        return len(admin.execute(sql, (name,)).fetchall())


def test_released_migrations_are_what_they_were() -> None:
    digest = hashlib.sha256("\0".join(schema.MIGRATIONS[:2]).encode()).hexdigest()
    assert digest == "879b1ff81be1c84731f5297d58c542554622986a884194943850832f71450f2a"


def test_postgres_schema_has_no_word_of_sqlites() -> None:
    for script in schema.MIGRATIONS:
        words = schema.for_postgres(script)
        assert not {"STRICT", "ROWID", "BLOB", "INTEGER"} & set(words.replace(",", " ").replace(";", " ").split())


def test_a_store_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    nowhere = Postgres(dsn=f"host={tmp_path} dbname=paifang connect_timeout=2")
    for make in STORES.values():
        with pytest.raises(StoreError):
            make(tmp_path / "nowhere", nowhere).writer()


def test_sqlite_refuses_a_newer_schema_and_garbage(tmp_path: Path) -> None:
    path = tmp_path / sqlite_store.FILE
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StoreError, match="newer"):
        SqliteStore(tmp_path).writer()
    path.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StoreError):
        SqliteStore(tmp_path).writer()


@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        (sqlite3.OperationalError("disk full"), StoreError),
        (sqlite3.DatabaseError("malformed"), StoreError),
        (sqlite3.IntegrityError("twice"), ContractError),
        (sqlite3.DataError("too big"), ContractError),
        (OverflowError("int too large"), ContractError),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogate"), ContractError),
    ],
)
def test_sqlites_errors_are_mapped(foreign: Exception, ours: type[Exception]) -> None:
    with pytest.raises(ours), sqlite_store.mapped():
        raise foreign


@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        (psycopg.OperationalError("gone"), StoreError),
        (psycopg.InterfaceError("closed"), StoreError),
        (psycopg.errors.DiskFull("disk full"), StoreError),
        (psycopg.errors.UndefinedTable("no such"), StoreError),
        (psycopg.errors.UniqueViolation("twice"), ContractError),
        (psycopg.DataError("NUL"), ContractError),
        (psycopg.errors.ProgramLimitExceeded("index row too long"), ContractError),
        (OverflowError("int too large"), ContractError),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogate"), ContractError),
    ],
)
def test_postgres_errors_are_mapped(foreign: Exception, ours: type[Exception]) -> None:
    with pytest.raises(ours), postgres_store.mapped():
        raise foreign


def test_sqlite_is_durable_and_private(tmp_path: Path) -> None:
    writer = SqliteStore(tmp_path).writer()
    assert (tmp_path / sqlite_store.FILE).stat().st_mode & 0o777 == 0o600
    pragma = writer._db.execute
    assert pragma("PRAGMA journal_mode").fetchone() == ("wal",)
    assert pragma("PRAGMA synchronous").fetchone() == (2,)
    tables = pragma("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT strict")
    assert [name for (name,) in tables.fetchall() if not name.startswith("sqlite_")] == []
    writer.close()


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
    store = STORES["postgres"](Path(), place)
    writer = store.writer()
    db = writer._db  # type: ignore[attr-defined]

    def lose_it() -> None:
        with db.transaction():
            db.execute("UPDATE counters SET value = 77")
            hang_up(postgres_server, place)
            with pytest.raises(StoreError):
                db.execute("UPDATE counters SET value = 88")
            db.execute("UPDATE counters SET value = 99")  # must not land on a new connection

    with pytest.raises(StoreError, match="within a transaction"):
        lose_it()
    assert db.execute("SELECT max(value) FROM counters").fetchone() == (0,)
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


def test_postgres_refuses_a_newer_schema(postgres_databases: Databases) -> None:
    store = STORES["postgres"](Path(), postgres_databases())
    writer = store.writer()
    writer._db.execute("UPDATE schema_version SET version = 99")  # type: ignore[attr-defined]
    writer.close()
    with pytest.raises(StoreError, match="newer"):
        store.writer()


def test_postgres_flushes_though_the_server_would_not(postgres_server: Server, postgres_databases: Databases) -> None:
    place = postgres_databases()
    name = psycopg.conninfo.conninfo_to_dict(place.dsn)["dbname"]
    with postgres_server.connect() as admin:
        admin.execute(f"ALTER DATABASE {name} SET synchronous_commit TO off")
    writer = STORES["postgres"](Path(), place).writer()
    assert writer._db.execute("SHOW synchronous_commit").fetchone() == ("on",)  # type: ignore[attr-defined]
    writer.close()


def test_the_pool_is_bounded_and_only_reads(postgres_databases: Databases) -> None:
    store = postgres_store.PostgresStore(Path(), msgspec.structs.replace(postgres_databases(), readers=2))
    store.writer().close()
    busy, most, lock, pool = [0], [0], threading.Lock(), store._pool

    def read() -> None:
        with pool.lend() as db:
            with lock:
                busy[0] += 1
                most[0] = max(most[0], busy[0])
            db.execute("SELECT pg_sleep(0.02)")
            with lock:
                busy[0] -= 1

    threads = [threading.Thread(target=read) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [2]
    assert len(pool._idle) == 2
    with pytest.raises(StoreError, match="read-only"), pool.lend() as db:
        db.execute("UPDATE counters SET value = 1")
    store.close()


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
