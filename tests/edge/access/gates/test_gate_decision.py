from __future__ import annotations

import pytest

from edge.access.gates import decision
from edge.access.gates.decision import Decision, GatePolicy, decide, to_event
from edge.access.site_lists.matching import Match, Standing
from protocol.event_types import VehicleBarred, VehicleRegistered, VehicleUnlisted, VehicleUnreadable, VehicleVisitor

TERMS, SAFE = GatePolicy(0.9), GatePolicy(0.9, fail_safe=True)


def listed(standing: Standing, valid: bool = True, exact: bool = True) -> Match:
    return Match("e1", standing, valid, exact)


TABLE = [
    (0.99, None, TERMS, False, Decision("unlisted")),
    (0.0, None, TERMS, False, Decision("unreadable")),
    (0.4, listed("registered"), TERMS, False, Decision("unreadable")),
    (0.99, listed("registered"), TERMS, False, Decision("registered", open=True)),
    (0.9, listed("visitor"), TERMS, False, Decision("visitor", open=True)),
    (0.89, listed("registered"), TERMS, False, Decision("registered")),
    (0.99, listed("registered", exact=False), TERMS, False, Decision("registered")),
    (
        0.99,
        listed("registered", exact=False),
        GatePolicy(0.9, on_variant=True),
        False,
        Decision("registered", open=True),
    ),
    (0.99, listed("registered", valid=False), TERMS, False, Decision("unlisted", entry="e1")),
    (0.99, listed("barred", valid=False), TERMS, False, Decision("unlisted", entry="e1")),
    (0.99, listed("barred"), TERMS, False, Decision("barred", entry="e1")),
    (0.6, listed("barred", exact=False), SAFE, False, Decision("barred", entry="e1")),
    (0.99, listed("revoked"), TERMS, False, Decision("unlisted")),
    (0.99, listed("registered"), TERMS, True, Decision("unreadable")),
    (0.0, None, SAFE, True, Decision("unreadable", open=True)),
    (0.0, None, SAFE, False, Decision("unreadable")),
    (0.99, listed("barred"), SAFE, True, Decision("barred", entry="e1")),
    (0.4, listed("barred"), SAFE, True, Decision("unreadable", open=True)),
    (0.99, listed("barred", valid=False), SAFE, True, Decision("unreadable", open=True)),
]


@pytest.mark.parametrize(("confidence", "match", "policy", "failing", "expected"), TABLE)
def test_the_table(
    confidence: float, match: Match | None, policy: GatePolicy, failing: bool, expected: Decision
) -> None:
    assert decide(confidence, match, policy, failing) == expected


ENTRIES: list[tuple[decision.Standing, str | None]] = [
    ("registered", None),
    ("visitor", None),
    ("barred", "e1"),
    ("unlisted", "e2"),
]


def test_the_event_says_the_decision_and_nothing_more() -> None:
    name = "0123456789abcdef"
    made = [
        to_event(Decision(standing, entry=entry), "lane", 0.98765, True, lambda: name) for standing, entry in ENTRIES
    ]
    made += [
        to_event(Decision("unlisted"), "lane", 2.0, False, lambda: name),
        to_event(Decision("unreadable"), "lane", 0, False, str),
    ]
    assert made == [
        VehicleRegistered(gate="lane", confidence=0.988, opened=True, vehicle=name),
        VehicleVisitor(gate="lane", confidence=0.988, opened=True, vehicle=name),
        VehicleBarred(gate="lane", confidence=0.988, opened=True, entry="e1"),
        VehicleUnlisted(gate="lane", confidence=0.988, opened=True, entry="e2"),
        VehicleUnlisted(gate="lane", confidence=1.0, opened=False),
        VehicleUnreadable(gate="lane", confidence=0.0, opened=False),
    ]
