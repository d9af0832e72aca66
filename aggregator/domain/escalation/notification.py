"""Notifications: where people are notified, the queue's entries, and what each attempt leads to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from common.clock import SECOND_NS
from common.running.backoff import exponential_s

State = Literal["waiting", "sent", "dead", "expired", "cancelled"]
Purpose = Literal["alert", "digest", "test"]
WEB_PUSH = "webpush"
FIRST_S, LONGEST_S = 5.0, 300.0
"""Pauses between attempts."""
MOST_TRIES = 12
MOST_REFUSALS = 3
"""Attempts after which nothing is sent to a target that refuses (HTTP 4xx)."""
LIFE_S = 3600.0
"""After so long a notification is not worth sending."""
LINK_S = 24 * 3600.0
"""How long an acknowledgement link may be used."""
LEASE_S = 30.0
"""An attempt whose process ended is made again after this; longer than an attempt may take."""
MOST_WAITING = 20
"""Notifications that wait for one target; further ones are counted in one digest."""
MOST_CRITICAL = 20
"""So many more of critical alerts."""
MOST_OF_A_DIGEST = 1_000
"""Alerts that a digest names for itself; further ones are only counted."""
PROBLEM_LENGTH = 300


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a user is notified.

    Attributes:
        id: UUIDv7.
        user: Whose.
        channel: The kind of address, such as `mailto`; `webpush` for a browser.
        label: The user's own words.
        language: Of the messages.
        session: Hash of the session that a browser's subscription ends with; empty for addresses.
        sealed: The address with its secrets, encrypted.
        digest: Finds the same address again.
        made_ns: When it was added, UTC nanoseconds.
        failed_ns: When the newest attempt failed; 0 where it did not.
        problem: Why it failed.
    """

    id: str
    user: str
    channel: str
    label: str
    language: str
    session: str
    sealed: bytes
    digest: bytes
    made_ns: int
    failed_ns: int = 0
    problem: str = ""


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the queue. Times are UTC nanoseconds.

    Attributes:
        id: UUIDv7; part of the acknowledgement link.
        effect: Unique: what it is the effect of.
        alert: The alert; empty for a test message and a digest.
        recipient: The user.
        target: The target's id.
        level: The name of the escalation's level.
        next_ns: When the next attempt is due.
        expires_ns: It is not sent after this.
        ended_ns: When it was sent or given up; 0 while it waits.
        count: Of a digest: how many alerts.
        link_used_ns: When its link was used; 0: it was not.
    """

    id: str
    effect: str
    recipient: str
    target: str
    channel: str
    made_ns: int
    next_ns: int
    expires_ns: int
    alert: str = ""
    site: str = ""
    place: str = ""
    level: str = ""
    state: State = "waiting"
    purpose: Purpose = "alert"
    ended_ns: int = 0
    tries: int = 0
    count: int = 1
    link_used_ns: int = 0
    problem: str = ""

    @property
    def link_until_ns(self) -> int:
        """Until when its link may be used."""
        return self.made_ns + round(LINK_S * SECOND_NS)


@dataclass(frozen=True)
class Attempt:
    """What came of sending.

    Attributes:
        sent: The target took it.
        problem: Why not; without secrets.
        refused: The target refused: another attempt hardly helps.
        gone: The target is no more (HTTP 410 of a push service): it is removed.
        retry_after_s: The pause that the target requests, seconds.
    """

    sent: bool
    problem: str = ""
    refused: bool = False
    gone: bool = False
    retry_after_s: float = 0.0


def after_attempt(it: Notification, attempt: Attempt, now_ns: int, share: float) -> Notification:
    """The entry after an attempt.

    Args:
        it: As it was.
        attempt: What came of it.
        now_ns: The present.
        share: 0..1, of the pause that chance may take away.
    """
    tries = it.tries + 1
    problem = attempt.problem[:PROBLEM_LENGTH]
    if attempt.sent:
        return msgspec.structs.replace(it, state="sent", tries=tries, ended_ns=now_ns, problem="")
    if attempt.gone or tries >= (MOST_REFUSALS if attempt.refused else MOST_TRIES):
        return msgspec.structs.replace(it, state="dead", tries=tries, ended_ns=now_ns, problem=problem)
    pause_s = exponential_s(FIRST_S, LONGEST_S, tries - 1) * (1.0 - 0.5 * share)
    pause_s = max(pause_s, min(attempt.retry_after_s, LIFE_S))
    next_ns = now_ns + round(pause_s * SECOND_NS)
    if next_ns >= it.expires_ns:
        return expired(it, now_ns, problem or it.problem, tries)
    return msgspec.structs.replace(it, tries=tries, next_ns=next_ns, problem=problem)


def expired(it: Notification, now_ns: int, problem: str, tries: int | None = None) -> Notification:
    """The entry whose time is over."""
    text = f"not sent in time: {problem}" if problem else "not sent in time"
    tries = it.tries if tries is None else tries
    return msgspec.structs.replace(it, state="expired", tries=tries, ended_ns=now_ns, problem=text[:PROBLEM_LENGTH])


def replayed(it: Notification, now_ns: int) -> Notification:
    """A dead or expired entry, to be sent again from now on."""
    expires_ns = now_ns + round(LIFE_S * SECOND_NS)
    return msgspec.structs.replace(it, state="waiting", tries=0, next_ns=now_ns, expires_ns=expires_ns, ended_ns=0)
