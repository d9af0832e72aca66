"""The index of every released version opens with today's code, and nothing that stood in it is lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from common.errors import FootageError
from edge.recorder.footage import transactional_outbox
from edge.recorder.index import MIGRATIONS, DayUse, Gap, Index, Segment
from edge.recorder.startup_recovery import open_index
from protocol.envelope import UnsequencedEvent
from protocol.event_types import FootageErased

SCHEMAS = Path(__file__).parent / "schemas"
RELEASED = sorted(int(path.stem) for path in SCHEMAS.glob("*.sql"))
START_NS = 1_790_000_000_000_000_000
IDS = [f"01a0e4d9-5c00-7000-8000-00000000000{number}" for number in (1, 2, 3)]


def written_by(version: int, folder: Path) -> Path:
    path = folder / "footage.sqlite3"
    with closing(sqlite3.connect(path)) as db:
        db.executescript((SCHEMAS / f"{version}.sql").read_text(encoding="utf-8"))
        assert db.execute("PRAGMA user_version").fetchone() == (version,)
    return path


def test_every_schema_before_today_s_has_its_fixture() -> None:
    assert list(range(1, len(MIGRATIONS))) == RELEASED


@pytest.mark.parametrize("version", RELEASED)
def test_rows_of_every_released_schema_survive_and_go_on(version: int, tmp_path: Path) -> None:
    path = written_by(version, tmp_path)
    index = Index(path)
    assert index.cameras() == ["gate", "yard"]
    assert index.find("gate", 0, 2**62) == [
        Segment("gate", IDS[0], START_NS, START_NS + 60 * 10**9, 31_000_000, True),
        Segment("gate", IDS[1], START_NS + 60 * 10**9, START_NS + 61 * 10**9, 510_000, False),
    ]
    assert [row.id for row in index.unfinished()] == [IDS[1]]
    assert DayUse("yard", 20_717, 21_000_000, 1, START_NS, START_NS + 42 * 10**9) in index.days()
    assert index.gaps("yard", 0, 2**62) == [
        Gap("yard", START_NS + 42 * 10**9, START_NS + 50 * 10**9, 8.0, "camera lost")
    ]
    assert index.files_to_delete() == ["keys/cam-yard/20600.key", "footage/cam-yard/20600/x.seg"]
    assert index.erased() == [("yard", 20_600, START_NS, 1440, 720_000_000, "ceiling")]
    assert index.fact("disk") == "01a0e4d9-5c00-7000-8000-000000000009"
    index.add([Segment("door", IDS[0][:-1] + "7", START_NS, START_NS + 1, 1, True)])
    transactional_outbox.enqueue(index, UnsequencedEvent("yard", FootageErased(cause="asked"), START_NS))
    index.close()
    again = Index(path)
    assert again.cameras() == ["door", "gate", "yard"]
    assert len(again.outbox_entries()) == 1
    again.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def test_an_index_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = written_by(RELEASED[-1], tmp_path)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(FootageError, match="newer version"):
        open_index(path, lambda _text: None)
    assert [it.name for it in tmp_path.glob("*damaged*")] == []
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM segments").fetchone() == (3,)


def test_a_migration_that_is_cut_short_is_done_again(tmp_path: Path) -> None:
    path = written_by(1, tmp_path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(f"BEGIN IMMEDIATE; {MIGRATIONS[1]}")  # and no COMMIT
    index = Index(path)
    assert index.outbox_entries() == []
    assert len(index.find("gate", 0, 2**62)) == 2
    index.close()
