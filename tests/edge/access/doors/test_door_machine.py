from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.clock import SECOND_NS
from edge.access.doors import door_state_machine
from edge.access.doors.door_signals import (
    ControllerLost,
    ControllerRestored,
    DoorContact,
    Forced,
    Held,
    Lock,
    Refused,
    RequestToExit,
    Tamper,
)
from edge.access.doors.door_state_machine import CredentialDecision, DoorInput, DoorRules, DoorState, Timestamp
from pipelines.rules.tailgate import Closed, Grant, Opened
from protocol.event_types import KIND_OF

WALL_NS = 1_795_000_000 * SECOND_NS
RULES = DoorRules("lobby", lambda _wall_ns: 30.0)
OPEN, SHUT = DoorContact(open=True), DoorContact(open=False)
YES, NO = CredentialDecision("granted", "ab" * 16), CredentialDecision("denied", "cd" * 16, "expired")


def at(seconds: float) -> Timestamp:
    return Timestamp(0, WALL_NS).after(seconds)


@dataclass
class Run:
    """A door that hears a story; `told` is (seconds, kind, reason)."""

    rules: DoorRules = RULES
    state: DoorState = field(default_factory=DoorState)

    def __post_init__(self) -> None:
        self.told: list[tuple[float, str, str]] = []
        self.moves: list[Any] = []
        self.late = 0

    def add(self, *story: tuple[float, DoorInput | None]) -> Run:
        for seconds, heard in story:
            if heard is None:
                outcome = door_state_machine.tick(self.state, at(seconds), self.rules)
            else:
                outcome = door_state_machine.transition(self.state, heard, at(seconds), self.rules)
            self.state, self.late = outcome.state, self.late + outcome.late
            self.moves += outcome.moves
            self.told += [
                (round((wall_ns - WALL_NS) / SECOND_NS, 2), KIND_OF[type(data)][5:], data.reason or "")
                for data, wall_ns in outcome.events
            ]
        return self


STORIES: dict[str, tuple[list[tuple[float, DoorInput | None]], list[tuple[float, str, str]]]] = {
    "granted, opened, closed": (
        [(0, YES), (1, OPEN), (3, SHUT), (9, None)],
        [(0, "granted", "")],
    ),
    "denied and nothing else": ([(0, NO), (9, None)], [(0, "denied", "expired")]),
    "forced, told with the time of the opening": (
        [(5, OPEN), (5.4, None), (5.6, None), (9, SHUT), (10, None)],
        [(5, "forced", ""), (9, "closed", "")],
    ),
    "forced and closed before anybody looked": (
        [(5, OPEN), (5.3, SHUT), (9, None)],
        [(5, "forced", ""), (5.3, "closed", "")],
    ),
    "a grant just after the opening explains it": (
        [(5, OPEN), (5.4, YES), (8, SHUT), (9, None)],
        [(5.4, "granted", "")],
    ),
    "a grant too long after it does not": (
        [(5, OPEN), (5.6, YES), (8, SHUT), (9, None)],
        [(5, "forced", ""), (5.6, "granted", ""), (8, "closed", "")],
    ),
    "a grant that nobody used in time": ([(0, YES), (11, OPEN), (12, None)], [(0, "granted", ""), (11, "forced", "")]),
    "a grant is spent by the closing": (
        [(0, YES), (1, OPEN), (2, SHUT), (4, OPEN), (5, None)],
        [(0, "granted", ""), (4, "forced", "")],
    ),
    "a grant while it stood open is for the next opening": (
        [(0, YES), (1, OPEN), (2, YES), (3, SHUT), (4, OPEN), (6, SHUT), (7, None)],
        [(0, "granted", ""), (2, "granted", "")],
    ),
    "an exit explains": ([(0, RequestToExit()), (1, OPEN), (3, SHUT), (9, None)], []),
    "an exit just after the handle explains too": ([(1, OPEN), (1.2, RequestToExit()), (3, SHUT), (9, None)], []),
    "unlocked for everybody": ([(0, Lock(locked=False)), (1, OPEN), (3, SHUT), (9, None)], []),
    "locked again": ([(0, Lock(locked=False)), (1, Lock(locked=True)), (2, OPEN), (9, None)], [(2, "forced", "")]),
    "a bouncing contact is nothing": ([(1, OPEN), (1.05, SHUT), (1.1, OPEN), (1.2, SHUT), (9, None)], []),
    "held": (
        [(0, YES), (1, OPEN), (30.9, None), (31, None), (40, None), (41, SHUT), (50, None)],
        [(0, "granted", ""), (31, "held", ""), (41, "closed", "")],
    ),
    "closed just in time": ([(0, YES), (1, OPEN), (30.8, SHUT), (40, None)], [(0, "granted", "")]),
    "duress opens and tells": ([(0, CredentialDecision("duress", "ab" * 16))], [(0, "duress", ""), (0, "granted", "")]),
    "offline once, online once": (
        [
            (0, ControllerLost("it is silent")),
            (1, ControllerLost("it is silent")),
            (9, ControllerRestored()),
            (10, ControllerRestored()),
        ],
        [(0, "offline", "it is silent"), (9, "online", "")],
    ),
    "offline for another reason, which is told once": (
        [
            (0, ControllerLost("silent")),
            (1, ControllerLost("off by 3600 s")),
            (2, ControllerLost("off by -3 s")),
            (3, ControllerLost("silent")),
            (9, ControllerRestored()),
        ],
        [(0, "offline", "silent"), (1, "offline", "off by 3600 s"), (9, "online", "")],
    ),
    "open when it comes back is how it stands, not a break-in": (
        [(0, ControllerLost("x")), (9, ControllerRestored()), (9.1, OPEN), (20, None), (39.1, None)],
        [(0, "offline", "x"), (9, "online", ""), (39.1, "held", "")],
    ),
    "opened a while after it came back is a break-in": (
        [(0, ControllerRestored()), (0.1, SHUT), (30, OPEN), (31, None)],
        [(0, "online", ""), (30, "forced", "")],
    ),
    "still open while offline: held is told": (
        [(0, YES), (1, OPEN), (2, ControllerLost("x")), (40, None)],
        [(0, "granted", ""), (2, "offline", "x"), (40, "held", "")],
    ),
    "tamper, and over": (
        [(0, Tamper(on=True)), (1, Tamper(on=True)), (5, Tamper(on=False)), (6, Tamper(on=False))],
        [(0, "forced", "tamper"), (5, "closed", "tamper over")],
    ),
    "the controller says forced and held itself, once": (
        [(0, Forced()), (1, Forced()), (2, Held()), (3, Held()), (4, SHUT), (5, None)],
        [(0, "forced", ""), (2, "held", ""), (4, "closed", "")],
    ),
    "a number makes no other refusal": (
        [(n, Refused(f"the controller's clock is off by -{60 + n} s")) for n in range(50)],
        [(0, "denied", "refused: the controller's clock is off by -60 s")],
    ),
    "the same refusal once a minute": (
        [(0, Refused("replayed")), (1, Refused("replayed")), (2, Refused("other")), (61, Refused("replayed"))],
        [(0, "denied", "refused: replayed"), (2, "denied", "refused: other"), (61, "denied", "refused: replayed")],
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_story(name: str) -> None:
    story, expected = STORIES[name]
    run = Run().add(*story)
    assert run.told == expected
    assert run.late == 0


def test_what_comes_late_is_told_with_its_own_time_and_changes_no_state() -> None:
    run = Run().add((0, YES), (1, OPEN), (3, SHUT), (4, None))
    state = run.state
    run.add((2, NO), (0.5, OPEN), (2, Lock(locked=False)), (1, Forced()))
    assert run.told[1:] == [(2, "denied", "expired"), (1, "forced", "told late")]
    assert (run.late, run.state) == (4, state)


def test_a_grant_that_comes_late_explains_an_opening_within_its_grace() -> None:
    run = Run(DoorRules("lobby", lambda _: 30.0, grace_s=2.0, debounce_s=0.1)).add((1, OPEN), (1.2, None), (0.5, YES))
    run.add((5, SHUT), (6, None))
    assert run.told == [(0.5, "granted", "")]


def test_a_limit_follows_its_schedule_while_the_door_stands_open() -> None:
    night = WALL_NS + 100 * SECOND_NS
    rules = DoorRules("lobby", lambda wall_ns: 10.0 if wall_ns >= night else None, debounce_s=0)
    run = Run(rules).add((0, YES), (1, OPEN), (60, None), (99, None), (101, None))
    assert run.told[1:] == [(101, "held", "")]
    assert door_state_machine.due_ns(Run(rules).add((0, YES), (1, OPEN)).state, at(1), rules) == at(31).mono_ns


def test_a_door_with_a_free_exit_is_never_forced_by_its_contact() -> None:
    rules = DoorRules("lobby", lambda _: 30.0, free_exit=True)
    assert Run(rules).add((1, OPEN), (3, SHUT), (9, None)).told == []


def test_the_tailgate_rule_hears_grants_openings_and_closings() -> None:
    run = Run().add((0, YES), (1, OPEN), (3, SHUT), (5, Lock(locked=False)), (60, OPEN), (61, None))
    assert run.moves == [
        Grant(at(0).wall_ns), Opened(at(1).wall_ns), Closed(at(3).wall_ns), Opened(at(60).wall_ns, free=True),
    ]  # fmt: skip


def test_due_names_the_moment_at_which_a_tick_changes_something() -> None:
    run = Run().add((1, OPEN))
    assert door_state_machine.due_ns(run.state, at(1), RULES) == at(1.15).mono_ns
    run.add((1.15, None))
    assert door_state_machine.due_ns(run.state, at(1.15), RULES) == at(1.5).mono_ns
    run.add((1.5, None))
    assert [kind for _, kind, _ in run.told] == ["forced"]
    assert door_state_machine.due_ns(run.state, at(20), RULES) == at(31).mono_ns
    assert door_state_machine.due_ns(DoorState(), at(1), RULES) is None


HEARD = st.sampled_from(
    [
        YES,
        NO,
        OPEN,
        SHUT,
        RequestToExit(),
        Lock(locked=True),
        Lock(locked=False),
        Forced(),
        Held(),
        ControllerLost("x"),
        ControllerRestored(),
        None,
    ]
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 80), HEARD), max_size=40))
def test_whatever_is_heard_alarms_end_and_alternate(story: list[tuple[int, DoorInput | None]]) -> None:
    """Forced and held are told at most once an opening; closed only after one of them; offline and online alternate."""
    now, timed = 0.0, []
    for tenths, heard in story:
        now += tenths / 10
        timed.append((now, heard))
    run = Run().add(*timed, (now + 1, SHUT), (now + 40, None))
    kinds = [kind for _, kind, _ in run.told]
    pending: set[str] = set()
    for kind in kinds:
        if kind in ("forced", "held"):
            assert kind not in pending
            pending.add(kind)
        elif kind == "closed":
            assert pending
            pending.clear()
    assert pending == set()
    links = [kind for kind in kinds if kind in ("offline", "online")]
    assert all(a != b for a, b in itertools.pairwise(links))
    assert run.state.opened is None
    assert run.late == 0


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-20, 40), HEARD), max_size=30))
def test_no_grant_denial_or_late_message_is_ever_swallowed(story: list[tuple[int, DoorInput | None]]) -> None:
    now, timed = 10.0, []
    for tenths, heard in story:
        now += tenths / 10
        timed.append((now, heard))
    run = Run().add(*timed)
    assert sum(kind == "granted" for _, kind, _ in run.told) == sum(heard == YES for _, heard in timed)
    assert sum(kind == "denied" for _, kind, _ in run.told) == sum(heard == NO for _, heard in timed)


def test_a_controller_s_coarse_time_is_not_late_behind_its_connection() -> None:
    """The connection came at 10.5 s; the contact's own time has whole seconds."""
    state = door_state_machine.transition(DoorState(), ControllerRestored(), at(10.5), RULES).state
    outcome = door_state_machine.transition(state, OPEN, at(10), RULES)
    assert not outcome.late
    assert door_state_machine.tick(outcome.state, at(20), RULES).state.open is True
