"""What each attempt at a webhook leads to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from agg_support import START_NS

from aggregator.domain.feeds import webhook as rules
from aggregator.domain.feeds.webhook import FIRST_S, GIVE_UP_NS, LEASE_S, LONGEST_S, Attempt, Webhook
from common.clock import DAY_NS, SECOND_NS

NOW = START_NS
DOWN, REFUSED = Attempt(False, "it answered with HTTP 500"), Attempt(False, "it answered with HTTP 400", refused=True)


def webhook(**more: Any) -> Webhook:
    fields: dict[str, Any] = {
        "id": "w", "consumer": "c", "host": "there.example", "mode": "structured", "state": "active", "address": b"a",
        "secret": b"s", "position": 10, "sending": 15, "made_by": "li", "made_ns": NOW,
    }  # fmt: skip
    return Webhook(**fields | more)


def test_a_message_that_was_taken_moves_the_position_on() -> None:
    after, outcome = rules.after_attempt(webhook(tries=3, failing_ns=5, problem="x"), Attempt(True), NOW, 0.0)
    assert (outcome, after.position, after.sending) == ("sent", 15, 15)
    assert (after.tries, after.failing_ns, after.problem, after.delivered_ns) == (0, 0, "", NOW)
    assert after.next_ns == 0
    limited, _ = rules.after_attempt(webhook(rate=120), Attempt(True), NOW, 0.0)
    assert limited.next_ns == NOW + SECOND_NS // 2, "no faster than the receiver allows"


def test_pauses_grow_to_an_hour_and_the_message_stays_the_same() -> None:
    it, pauses = webhook(), []
    for _ in range(14):
        after, outcome = rules.after_attempt(it, DOWN, NOW, 0.0)
        pauses.append((after.next_ns - NOW) / SECOND_NS)
        assert (outcome, after.position, after.sending, after.failing_ns) == ("later", 10, 15, NOW)
        it = after
    assert pauses[:3] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S]
    assert pauses[-1] == LONGEST_S
    early, _ = rules.after_attempt(webhook(), DOWN, NOW, 1.0)
    assert early.next_ns - NOW == FIRST_S / 2 * SECOND_NS, "chance takes half of a pause away at most"


@pytest.mark.parametrize(("asked_s", "pause_s"), [(0.0, FIRST_S), (120.0, 120.0), (1e9, 86_400.0)])
def test_retry_after_is_honoured_up_to_a_day(asked_s: float, pause_s: float) -> None:
    after, _ = rules.after_attempt(webhook(), Attempt(False, "busy", retry_after_s=asked_s), NOW, 0.0)
    assert after.next_ns - NOW == pause_s * SECOND_NS


def test_a_message_that_is_refused_is_given_up_and_the_next_one_follows() -> None:
    it, outcomes = webhook(), []
    for _ in range(3):
        it, outcome = rules.after_attempt(it, REFUSED, NOW, 0.0)
        outcomes.append(outcome)
    assert outcomes == ["later", "later", "dead"]
    assert (it.state, it.position, it.tries) == ("active", 15, 0)


def test_after_three_days_the_message_is_given_up_and_the_webhook_stops() -> None:
    failing = webhook(failing_ns=NOW, tries=50)
    assert rules.after_attempt(failing, DOWN, NOW + GIVE_UP_NS - 1, 0.0)[1] == "later"
    after, outcome = rules.after_attempt(failing, DOWN, NOW + GIVE_UP_NS, 0.0)
    assert (outcome, after.state, after.position) == ("dead", "disabled", 15)
    assert GIVE_UP_NS == 3 * DAY_NS


def test_gone_stops_the_webhook_and_keeps_its_message() -> None:
    after, outcome = rules.after_attempt(webhook(), Attempt(False, "HTTP 410", True, gone=True), NOW, 0.0)
    assert (outcome, after.state, after.position, after.sending) == ("disabled", "disabled", 10, 15)
    again = rules.confirmed(after, 0)
    assert (again.state, again.position, again.sending, again.next_ns) == ("active", 10, 15, 0)


def test_every_change_has_a_version_of_its_own() -> None:
    it = webhook(previous=b"old")
    changes = [
        rules.begun(it, 20, NOW), rules.moved(it, 20), rules.waiting(it, NOW, ""), rules.confirmed(it, 0),
        rules.rotated(it, b"new", NOW), rules.rewound(it, 3),
        *(rules.after_attempt(it, one, NOW, 0.0)[0] for one in (DOWN, REFUSED)),
    ]  # fmt: skip
    assert {one.version for one in changes} == {2}
    assert changes[0].next_ns == NOW + LEASE_S * SECOND_NS
    rotated = changes[4]
    assert (rotated.secret, rotated.previous, rotated.previous_until_ns) == (b"new", b"s", NOW + DAY_NS)
    assert msgspec.structs.replace(changes[5], version=1).position == 3
