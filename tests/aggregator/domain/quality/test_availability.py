"""Availability from the events that say that a device was lost and came back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.domain.quality.availability import Device, StateEvent, availability

CAMERA = Device("village", "b", "cam")
SPAN = (100, 200)


@pytest.mark.parametrize(
    ("events", "down_ns", "outages"),
    [
        ((), 0, 0),
        ((("lost", 120), ("back", 130)), 10, 1),
        ((("lost", 120), ("lost", 125), ("back", 130)), 10, 1),
        ((("lost", 50), ("back", 130)), 30, 1),
        ((("lost", 50),), 100, 1),
        ((("lost", 50), ("back", 60), ("lost", 190)), 10, 1),
        ((("back", 120), ("lost", 150), ("back", 160), ("lost", 195)), 15, 2),
        ((("lost", 200), ("back", 210)), 0, 0),
    ],
)
def test_the_time_between_lost_and_back_counts(events: tuple[tuple[str, int], ...], down_ns: int, outages: int) -> None:
    (found,) = availability([StateEvent(CAMERA, f"camera.{it}", at) for it, at in events], [CAMERA], SPAN)
    assert (found.down_ns, found.outages) == (down_ns, outages)
    assert found.share == pytest.approx(1 - down_ns / 100)


@given(st.lists(st.tuples(st.sampled_from(("camera.lost", "camera.back")), st.integers(0, 300)), max_size=20))
def test_it_is_a_share_whatever_the_order(events: list[tuple[str, int]]) -> None:
    seen = [StateEvent(CAMERA, kind, at) for kind, at in events]
    found = availability(seen, [CAMERA], SPAN)
    assert found == availability(seen[::-1], [CAMERA], SPAN)
    assert 0 <= found[0].share <= 1
    assert found[0].outages >= 0


def test_the_worst_is_first_and_unknown_devices_are_shown() -> None:
    door, box = Device("village", "b", "door"), Device("village", "b", "")
    events = [StateEvent(door, "door.offline", 150), StateEvent(box, "box.stopping", 190)]
    found = availability(events, [CAMERA], SPAN)
    assert [(it.device, it.down_ns) for it in found] == [(door, 50), (box, 10), (CAMERA, 0)]
