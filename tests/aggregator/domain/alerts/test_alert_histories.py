"""Random histories: whatever happens in whatever order, no critical alert closes unseen and no event is lost."""

from __future__ import annotations

import dataclasses

import alert_histories
import pytest
from alert_histories import Story, play
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.domain.alerts import lifecycle
from aggregator.domain.alerts.transition_table import TABLE, Move, State, Trigger
from aggregator.settings.alerts import Closing

HISTORIES = 10_000


def sound(story: Story) -> bool:
    states = [(it.condition, it.acknowledgement, it.status) for it in story.alerts.values()]
    seen = [
        it.acknowledgement != "unacknowledged" or it.status == "open"
        for it in story.alerts.values()
        if it.severity == "critical"
    ]
    return (story.unseen, story.lost) == (0, 0) and all(seen) and bool(states)


def test_ten_thousand_random_histories_close_no_critical_alert_unseen() -> None:
    stories = [play(seed, steps=12) for seed in range(HISTORIES)]
    assert [seed for seed, story in enumerate(stories) if not sound(story)] == []
    every = [alert for story in stories for alert in story.alerts.values()]
    closed = [it for it in every if it.severity == "critical" and it.status == "closed"]
    assert len(closed) > 500, "the histories close critical alerts too"
    assert {it.status for it in every} == {"open", "closed"}


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**63), steps=st.integers(1, 200))
def test_histories_of_any_length_are_sound(seed: int, steps: int) -> None:
    assert sound(play(seed, steps))


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**63))
def test_versions_rise_by_one_and_closing_empties_the_suppression(seed: int) -> None:
    for alert in play(seed, 60).alerts.values():
        assert 1 <= alert.decided <= alert.version
        assert alert.status == "open" or (alert.suppression, alert.due_ns) == ("", None)
        assert (alert.closed_ns is None) == (alert.status == "open")
        assert alert.first_ns <= alert.last_ns


def test_the_histories_find_a_table_that_closes_critical_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check itself: with one wrong cell it fails."""
    cell: tuple[Trigger, Closing, State] = (Trigger.END, "person", ("active", "unacknowledged", "open"))
    wrong = Move(("ended", "unacknowledged", "closed"), TABLE[cell].effects)
    monkeypatch.setattr(lifecycle, "TABLE", {**TABLE, cell: wrong})
    assert any(not sound(play(seed, 12)) for seed in range(300))
    assert dataclasses.is_dataclass(alert_histories.Story)
