"""Only what pages show as a state counts as a change: not each status that a box sends every five seconds."""

from __future__ import annotations

import msgspec
import pytest
from agg_support import START_NS

from aggregator.domain.read_models import StatusSeen
from aggregator.ingest.state_watch import StateWatch
from protocol.receipts import BoxStatus, CameraStatus, DoorStatus, GateStatus

STATUS = BoxStatus(
    online=True, epoch="ab12", time="2026-11-27T08:31:00Z", outbox_waiting=3,
    cameras=[CameraStatus(id="cam-1", name="Yard", state="up", fps=12.5)],
    doors=[DoorStatus(id="hall", state="closed", locked=True)], gates=[GateStatus(name="lane", camera="cam-1")],
)  # fmt: skip


def seen(status: BoxStatus, site: str = "village") -> StatusSeen:
    return StatusSeen(site, "gate-1", status, START_NS)


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ({"outbox_waiting": 9, "time": "2026-11-27T08:31:05Z"}, False),
        ({"cameras": [CameraStatus(id="cam-1", name="Yard", state="up", fps=11.0)]}, False),
        ({"online": False}, True),
        ({"cameras": [CameraStatus(id="cam-1", name="Yard", state="lost")]}, True),
        ({"cameras": []}, True),
        ({"doors": [DoorStatus(id="hall", state="forced", locked=True)]}, True),
        ({"doors": [DoorStatus(id="hall", state="closed", locked=False)]}, True),
        ({"gates": []}, True),
    ],
)
def test_a_change_is_told_once(changed: dict[str, object], counts: bool) -> None:
    watch, other = StateWatch(), msgspec.structs.replace(STATUS, **changed)
    assert watch.changed([seen(STATUS), seen(STATUS, "harbour")]) == {"village", "harbour"}
    assert watch.changed([seen(STATUS)]) == set()
    assert watch.changed([seen(other), seen(STATUS, "harbour")]) == ({"village"} if counts else set())
    assert watch.changed([seen(other)]) == set()


def test_of_any_number_of_boxes_the_latest_are_kept() -> None:
    watch = StateWatch(most=2)
    sites = ["a", "b", "a", "c"]
    assert [bool(watch.changed([seen(STATUS, it)])) for it in sites] == [True, True, False, True]
    assert watch.changed([seen(STATUS, "a"), seen(STATUS, "c")]) == set()
    assert watch.changed([seen(STATUS, "b")]) == {"b"}
