"""A legal hold that the aggregator asks for: placed, ended, each once and durably, reported, or refused."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from rec_kit import START_NS, Store
from release_kit import recorded

from common.clock import DAY_NS, SECOND_NS, FakeClock
from common.errors import FootageError
from edge.recorder.factory import FootageStore
from edge.recorder.footage import hold_handler
from edge.recorder.footage.hold_handler import HoldHandler
from edge.recorder.footage.transactional_outbox import announce
from edge.recorder.retention.legal_holds import ENDINGS, HOLDS, Ending, Holds
from protocol.commands import Command
from protocol.event_types import FootageHeld
from protocol.problems import code_of

NOW_NS = START_NS + 3600 * SECOND_NS
ASKED = Command(
    id="01a0e4d9-5c00-7000-8000-000000000001", name="hold", target="cam-1", by="li", reason="theft of a bicycle",
    case="2026/118", time_ns=NOW_NS, from_ns=START_NS, to_ns=START_NS + 10 * SECOND_NS, until_ns=NOW_NS + DAY_NS,
)  # fmt: skip

END = Command(
    id="01a0e4d9-5c00-7000-8000-00000000000e", name="end-hold", target="cam-1", by="wang",
    reason="handed to the police",
    case="2026/118", time_ns=NOW_NS, hold=ASKED.id,
)  # fmt: skip


class Kept:
    """The parts of a `FootageStore` that a hold needs."""

    def __init__(self, store: Store) -> None:
        self.index, self.disk, self.holds = store.index, store.disk, Holds(store.disk)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(recorded(tmp_path / "disk"))


def handler(kept: Kept) -> HoldHandler:
    store: FootageStore = kept  # type: ignore[assignment]
    return HoldHandler(store, FakeClock(now_ns=NOW_NS))


def test_a_hold_is_placed_once_and_reported(kept: Kept) -> None:
    handler(kept).place(ASKED)
    handler(kept).place(ASKED)  # repeated by the broker
    ((hold,), broken) = kept.holds.all()
    assert (hold.owner, hold.reason, hold.case, hold.end_ns, broken) == (
        "li", "theft of a bicycle", "2026/118", NOW_NS + DAY_NS, [],
    )  # fmt: skip
    assert hold.covers("cam-1", START_NS, START_NS + 1, NOW_NS)
    assert [(row[1], row[2]) for row in kept.index.outbox_entries()] == [("cam-1", "footage.held")]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"to_ns": ASKED.from_ns}, "its end after its start"),
        ({"from_ns": ASKED.to_ns - 32 * DAY_NS}, "at most 31 days"),
        ({"to_ns": NOW_NS + SECOND_NS}, "lies in the past"),
        ({"target": "cam-9"}, "never recorded; known: cam-1"),
        ({"from_ns": START_NS - DAY_NS, "to_ns": START_NS - DAY_NS + SECOND_NS}, "no footage in this range"),
        ({"until_ns": NOW_NS}, "in the past"),
        ({"until_ns": NOW_NS + 400 * DAY_NS}, "more than a year"),
        ({"case": " "}, "case"),
    ],
)
def test_what_cannot_be_held_is_refused_with_the_reason(kept: Kept, changed: dict[str, object], problem: str) -> None:
    with pytest.raises(FootageError, match=problem):
        handler(kept).place(msgspec.structs.replace(ASKED, **changed))
    assert kept.holds.all() == ([], [])


def test_holds_are_bounded_in_number(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hold_handler, "MOST_HOLDS", 1)
    handler(kept).place(ASKED)
    with pytest.raises(FootageError, match="wait until some end"):
        handler(kept).place(msgspec.structs.replace(ASKED, id="01a0e4d9-5c00-7000-8000-000000000002"))


def changes(kept: Kept) -> list[tuple[str | None, str | None]]:
    data = [msgspec.json.decode(row[3], type=FootageHeld) for row in kept.index.outbox_entries()]
    return [(it.change, it.by) for it in data]


def test_a_hold_is_ended_once_with_who_and_why(kept: Kept) -> None:
    handler(kept).place(ASKED)
    handler(kept).end(END)
    handler(kept).end(msgspec.structs.replace(END, by="zhao"))  # a second person: it was ended before
    ((hold,), broken) = kept.holds.all()
    assert hold.ended == Ending(id=ASKED.id, by="wang", reason="handed to the police", end_ns=NOW_NS)
    assert (hold.end_ns, hold.covers("cam-1", START_NS, START_NS + 1, NOW_NS), broken) == (NOW_NS, False, [])
    announce(kept.index, [hold], NOW_NS - SECOND_NS)  # the trusted clock may be behind: it is not placed anew
    assert changes(kept) == [("placed", "li"), ("ended_early", "wang")]
    assert [it.id for it in kept.holds.drop_ended(NOW_NS)] == [ASKED.id]
    assert kept.disk.walk(HOLDS) + kept.disk.walk(ENDINGS) == []
    with pytest.raises(FootageError) as caught:
        handler(kept).end(END)
    assert code_of(caught.value) == "hold.unknown"


@pytest.mark.parametrize(
    "changed", [{"hold": ""}, {"hold": "../x"}, {"target": "cam-2"}, {"case": "2026/119"}, {"case": ""}]
)
def test_a_hold_of_another_camera_or_case_is_not_ended(kept: Kept, changed: dict[str, str]) -> None:
    handler(kept).place(ASKED)
    with pytest.raises(FootageError, match="no such hold"):
        handler(kept).end(msgspec.structs.replace(END, **changed))
    assert kept.holds.all()[0][0].ended is None
    assert changes(kept) == [("placed", "li")]


def test_an_end_that_was_not_written_to_its_end_ends_nothing_and_is_written_anew(kept: Kept) -> None:
    handler(kept).place(ASKED)
    handle = kept.disk.create(f"{ENDINGS}/{ASKED.id}.json")
    handle.write(b'{"id":"')
    handle.close()
    ((hold,), broken) = kept.holds.all()
    assert (hold.ended, broken) == (None, [f"{ENDINGS}/{ASKED.id}.json"])
    handler(kept).end(END)
    ((hold,), broken) = kept.holds.all()
    assert (hold.end_ns, broken) == (NOW_NS, [])


def test_what_ended_a_hold_goes_after_it_and_revives_nothing(kept: Kept) -> None:
    handler(kept).place(ASKED)
    handler(kept).end(END)
    kept.disk.unlink(f"{HOLDS}/{ASKED.id}.json")  # the power was cut between the two
    assert kept.holds.all() == ([], [])
    kept.holds.drop_ended(NOW_NS)
    assert kept.disk.walk(ENDINGS) == []
