"""Migrations: they lead to the schema of the code, take over what the last build before 0.1 left, refuse the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from agg_support import START_NS, event
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect

from aggregator.domain.read_models import Batch, ReceivedEvent
from aggregator.domain.store_port import Store
from aggregator.storage import migrations
from aggregator.storage.schema import metadata
from common.errors import StoreError

TABLES = 25
LATER = ("recovery_codes", "grant_requests")
"""Tables that came after the first schema."""


@contextmanager
def opened(store: Store) -> Iterator[Connection]:
    """A connection that writes, as the store's own writer has one."""
    writer: Any = store.writer()
    with writer._db.transaction() as db:
        yield db
    writer.close()


def constraints(db: Connection) -> dict[str, Any]:
    """What the engine itself says of each table."""
    if db.dialect.name == "sqlite":
        found = db.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").all()
        return {str(row[0]): " ".join(row[1].split()) for row in found if row[0] != "alembic_version"}
    checks = (
        "SELECT conrelid::regclass::text || ' ' || pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace"
    )
    indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"
    columns = (
        "SELECT table_name || ' ' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || is_identity || ' '"
        " || coalesce(collation_name, '') FROM information_schema.columns WHERE table_schema = 'public'"
    )
    described = [str(it) for sql in (checks, indexes, columns) for it in db.exec_driver_sql(sql).scalars()]
    return {it: True for it in described if "alembic_version" not in it}


def test_the_migrations_lead_to_the_schema_of_the_code(make_store: Callable[[], Store]) -> None:
    with opened(make_store()) as db:
        assert compare_metadata(MigrationContext.configure(db), metadata) == []
        migrated = constraints(db)
        metadata.drop_all(db)
        metadata.create_all(db)
        assert constraints(db) == migrated
        assert len(inspect(db).get_table_names()) == TABLES + 1


def leave_as_before(store: Store, version: int) -> None:
    """Make it what the builds before 0.1 left."""
    with opened(store) as db:
        db.exec_driver_sql("DROP TABLE alembic_version")
        for later in LATER:
            db.exec_driver_sql(f"DROP TABLE {later}")
        if db.dialect.name == "sqlite":
            db.exec_driver_sql(f"PRAGMA user_version={version}")
        else:
            db.exec_driver_sql("CREATE TABLE schema_version (version BIGINT NOT NULL)")
            db.exec_driver_sql(f"INSERT INTO schema_version VALUES ({version})")


def test_a_database_of_the_last_build_before_is_taken_over_with_its_rows(make_store: Callable[[], Store]) -> None:
    store = make_store()
    writer = store.writer()
    writer.apply(Batch(events=[ReceivedEvent(event(1), None, START_NS)]))
    writer.close()
    leave_as_before(store, 6)
    store.writer().close()
    assert store.reader().event_count() == 1
    store.writer().close()


@pytest.mark.parametrize("version", [1, 5, 7])
def test_a_database_of_another_build_before_is_refused_with_what_to_do(
    make_store: Callable[[], Store], version: int
) -> None:
    store = make_store()
    leave_as_before(store, version)
    for _ in range(2):
        with pytest.raises(StoreError, match=f"schema version {version} .* start with an empty one"):
            store.writer()


def test_a_newer_database_is_refused(make_store: Callable[[], Store]) -> None:
    store = make_store()
    with opened(store) as db:
        db.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="revision 9999 is newer than this program's 0001"):
        store.writer()
    with pytest.raises(StoreError, match="newer"):
        store.writer()


def test_opening_again_writes_nothing(make_store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_store()
    store.writer().close()
    monkeypatch.setattr(migrations, "_upgrade", lambda _: pytest.fail("it is at the newest revision"))
    store.writer().close()


def test_every_table_has_a_key() -> None:
    assert len(metadata.tables) == TABLES
    assert all(len(table.primary_key) for table in metadata.tables.values())
    assert metadata.tables["events"].columns.keys()[-2:] == ["cell", "genus"], "where COPY expects them"
