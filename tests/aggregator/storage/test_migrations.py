"""Migrations: they lead to the schema of the code, take over what the last build before 0.1 left, refuse the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, column, insert, inspect, table

from aggregator.domain.read_models import AlertQuery, Batch
from aggregator.domain.store_port import Store
from aggregator.storage import migrations
from aggregator.storage.schema.core import metadata
from common.errors import StoreError

TABLES = 51
USER = {"name": "li", "password_hash": "h", "one_time": 0, "created_ns": 1}


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


def test_the_migrations_lead_to_the_schema_of_the_code(make_empty_store: Callable[[], Store]) -> None:
    with opened(make_empty_store()) as db:
        assert compare_metadata(MigrationContext.configure(db), metadata) == []
        migrated = constraints(db)
        metadata.drop_all(db)
        metadata.create_all(db)
        assert constraints(db) == migrated
        assert len(inspect(db).get_table_names()) == TABLES + 1


@contextmanager
def first_revision(store: Store) -> Iterator[Connection]:
    """A database as the first revision makes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "upgrade", lambda _: None)
        writer: Any = store.writer()
    with writer._db.transaction() as db:
        migrations._upgrade(db, "0001")
        yield db
    writer.close()


def leave_as_before(db: Connection, version: int) -> None:
    """Make it what the builds before 0.1 left."""
    db.exec_driver_sql("DROP TABLE alembic_version")
    if db.dialect.name == "sqlite":
        db.exec_driver_sql(f"PRAGMA user_version={version}")
    else:
        db.exec_driver_sql("CREATE TABLE schema_version (version BIGINT NOT NULL)")
        db.exec_driver_sql(f"INSERT INTO schema_version VALUES ({version})")


def old_rows() -> list[dict[str, object]]:
    """Alerts of the first revision, one of each kind of end."""
    base: dict[str, object] = {
        "fingerprint": "f", "site": "village", "box": "gate-1", "place": "cam-1", "subject": "", "object": "",
        "severity": "medium", "count": 3, "first_ns": 1, "last_ns": 5, "opened_ns": 2, "picture_event": "p",
        "picture_ns": 4, "acknowledged_ns": None, "acknowledged_by": None, "resolved_ns": None, "resolved_by": None,
    }  # fmt: skip
    rows: list[dict[str, object]] = [
        {"id": "1", "kind": "zone.entered", "state": "open"},
        {"id": "2", "kind": "camera.lost", "state": "acknowledged", "acknowledged_ns": 7, "acknowledged_by": "li"},
        {"id": "3", "kind": "camera.lost", "state": "resolved", "resolved_ns": 8, "resolved_by": "camera.back"},
        {"id": "4", "kind": "door.forced", "state": "resolved", "resolved_ns": 9, "resolved_by": "wu"},
        {"id": "5", "kind": "door.forced", "state": "open"},
    ]
    return [base | row | ({"severity": "critical"} if row["kind"] == "door.forced" else {}) for row in rows]


def test_a_database_of_the_last_build_before_is_taken_over_with_its_rows(make_empty_store: Callable[[], Store]) -> None:
    store = make_empty_store()
    with first_revision(store) as db:
        db.execute(insert(table("users", *map(column, USER))), USER)
        leave_as_before(db, 6)
    store.writer().close()
    assert store.reader().user("li") is not None
    store.writer().close()


def test_alerts_of_the_first_revision_keep_what_they_say(make_empty_store: Callable[[], Store]) -> None:
    store = make_empty_store()
    with first_revision(store) as db:
        rows = old_rows()
        db.execute(insert(table("alerts", *map(column, rows[0]))), rows)
    writer = store.writer()
    found = {it.id: it for it in store.reader().alerts(AlertQuery())}
    said = {
        it.id: (it.condition, it.acknowledgement, it.status, it.acknowledged_by, it.closed_by, it.due_ns)
        for it in found.values()
    }
    assert said == {
        "1": ("active", "unacknowledged", "open", "", "", 5),
        "2": ("active", "acknowledged", "open", "li", "", None),
        "3": ("ended", "unacknowledged", "closed", "", "camera.back", None),
        "4": ("active", "acknowledged", "closed", "wu", "wu", None),
        "5": ("active", "unacknowledged", "open", "", "", None),
    }
    assert (found["3"].ended_ns, found["3"].closed_ns, found["2"].acknowledged_ns) == (8, 8, 7)
    assert (found["1"].count, found["1"].picture_event, found["1"].version) == (3, "p", 1)
    queue = store.reader().alerts(AlertQuery(order="urgency", status="open"))
    assert [it.id for it in queue] == ["5", "1", "2"]
    writer.apply(Batch(alerts=found))
    assert {it.id: it for it in store.reader().alerts(AlertQuery())} == found
    assert [it.id for it in store.reader().alerts(AlertQuery(order="urgency", status="open"))] == ["5", "1", "2"]
    writer.close()


@pytest.mark.parametrize("version", [1, 5, 7])
def test_a_database_of_another_build_before_is_refused_with_what_to_do(
    make_empty_store: Callable[[], Store], version: int
) -> None:
    store = make_empty_store()
    with first_revision(store) as db:
        leave_as_before(db, version)
    for _ in range(2):
        with pytest.raises(StoreError, match=f"schema version {version} .* start with an empty one"):
            store.writer()


def test_a_newer_database_is_refused(make_empty_store: Callable[[], Store]) -> None:
    store = make_empty_store()
    with opened(store) as db:
        db.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="revision 9999 is newer than this program's 0015"):
        store.writer()
    with pytest.raises(StoreError, match="newer"):
        store.writer()


def test_opening_again_writes_nothing(make_empty_store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_empty_store()
    store.writer().close()
    monkeypatch.setattr(migrations, "_upgrade", lambda _: pytest.fail("it is at the newest revision"))
    store.writer().close()


def test_every_table_has_a_key() -> None:
    assert len(metadata.tables) == TABLES
    assert all(len(table.primary_key) for table in metadata.tables.values())
    assert metadata.tables["events"].columns.keys()[-2:] == ["cell", "genus"], "where COPY expects them"
