"""A legal hold that the aggregator asks for: placed once and durably, reported, or refused with the reason."""

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
from edge.recorder.retention.legal_holds import Holds
from protocol.commands import Command

NOW_NS = START_NS + 3600 * SECOND_NS
ASKED = Command(
    id="01a0e4d9-5c00-7000-8000-000000000001", name="hold", target="cam-1", by="li", reason="theft of a bicycle",
    case="2026/118", time_ns=NOW_NS, from_ns=START_NS, to_ns=START_NS + 10 * SECOND_NS, until_ns=NOW_NS + DAY_NS,
)  # fmt: skip


class Kept:
    """The parts of a `FootageStore` that a hold needs."""

    def __init__(self, store: Store) -> None:
        self.index, self.holds = store.index, Holds(store.disk)


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
