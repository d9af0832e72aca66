"""A webhook: an address that a consumer's feed is sent to, and what each attempt leads to. Pure.

The queue of a webhook is the feed itself: what lies after its position. One message is sent at a time, so that the
order of all events, and so that of each source, is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import msgspec

from common.clock import DAY_NS, SECOND_NS
from common.running.backoff import exponential_s

Mode = Literal["structured", "batched"]
MODES: tuple[Mode, ...] = get_args(Mode)
WebhookState = Literal["unconfirmed", "active", "disabled"]
FIRST_S, LONGEST_S = 5.0, 3600.0
"""Pauses between attempts."""
GIVE_UP_NS = 3 * DAY_NS
MOST_REFUSALS = 3
"""Attempts after which a message that the receiver refuses (HTTP 3xx, 4xx) is given up."""
LEASE_S = 45.0
"""An attempt whose process ended is made again after this; longer than an attempt may take."""
ROTATION_NS = DAY_NS
"""How long a message is also signed with the secret before."""
MOST_BEGUN = 50
"""Messages of one event each that begin together: one commit for all of them instead of one for each."""
MOST_BATCH = 100
MOST_BATCH_BYTES = 256 * 1024
MOST_OF_A_CONSUMER = 5
_MOST_PROBLEM = 300


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """An address that a consumer's feed is sent to. Times are UTC nanoseconds.

    Attributes:
        id: UUIDv7.
        host: Of the address, which is not shown.
        address: The address, encrypted.
        secret: The keys that sign, encrypted; `previous` those before, valid until `previous_until_ns`.
        position: Entries of the feed up to here are done.
        sending: Those up to here are under way; `position` where there are none.
        failing_ns: When the first attempt for this message failed; 0: none has.
        next_ns: No attempt before this.
        rate: Requests a minute that the receiver allows; 0: any number.
        delivered_ns: When it last took a message.
        version: Rises with each change.
    """

    id: str
    consumer: str
    host: str
    mode: Mode
    state: WebhookState = "unconfirmed"
    address: bytes
    secret: bytes
    previous: bytes = b""
    previous_until_ns: int = 0
    position: int
    sending: int
    tries: int = 0
    failing_ns: int = 0
    next_ns: int = 0
    rate: int = 0
    problem: str = ""
    made_by: str
    made_ns: int
    delivered_ns: int = 0
    version: int = 1


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was given up: the entries of the feed from `first` to `last`.

    Attributes:
        id: UUIDv7.
        message: The `webhook-id` that it was sent with.
        state: `replay`: it is to be sent again.
    """

    id: str
    webhook: str
    message: str
    first: int
    last: int
    made_ns: int
    tries: int
    problem: str
    state: Literal["dead", "replay"] = "dead"


@dataclass(frozen=True)
class Attempt:
    """What came of sending.

    Attributes:
        sent: The receiver took it.
        problem: Why not; without secrets.
        refused: Another attempt hardly helps.
        gone: The receiver wants nothing any more (HTTP 410).
        retry_after_s: The pause that it requests, seconds.
    """

    sent: bool
    problem: str = ""
    refused: bool = False
    gone: bool = False
    retry_after_s: float = 0.0


Outcome: TypeAlias = Literal["sent", "later", "dead", "disabled"]
"""`dead`: the message is given up and the next one follows; `disabled`: nothing is sent until a person confirms."""


def begun(it: Webhook, last: int, now_ns: int) -> Webhook:
    """A webhook whose attempt begins: its messages hold the entries up to `last`."""
    lease_ns = now_ns + round(LEASE_S * SECOND_NS)
    return msgspec.structs.replace(it, sending=last, next_ns=lease_ns, version=it.version + 1)


def narrowed(it: Webhook, done: int, sending: int) -> Webhook:
    """A webhook within an attempt: entries up to `done` were taken, the message that ends at `sending` is sent now."""
    return msgspec.structs.replace(it, position=done, sending=sending)


def halted(it: Webhook) -> Webhook:
    """A webhook whose attempt ends between two messages: its consumer gets nothing any more."""
    return msgspec.structs.replace(it, sending=it.position, next_ns=0, version=it.version + 1)


def moved(it: Webhook, position: int) -> Webhook:
    """A webhook that has passed entries that are not for its consumer."""
    return msgspec.structs.replace(it, position=position, sending=position, version=it.version + 1)


def waiting(it: Webhook, until_ns: int, problem: str) -> Webhook:
    """A webhook that makes no attempt before a time, without a failure."""
    return msgspec.structs.replace(it, next_ns=until_ns, problem=problem, version=it.version + 1)


def after_attempt(it: Webhook, attempt: Attempt, now_ns: int, share: float) -> tuple[Webhook, Outcome]:
    """The webhook after an attempt.

    Args:
        it: As it was.
        attempt: What came of it.
        now_ns: The present.
        share: 0..1, of the pause that chance may take away.
    """
    version = it.version + 1
    problem = attempt.problem[:_MOST_PROBLEM]
    done = msgspec.structs.replace(
        it, position=it.sending, tries=0, failing_ns=0, next_ns=0, problem=problem, version=version
    )
    if attempt.sent:
        next_ns = now_ns + round(60 * SECOND_NS / it.rate) if it.rate else 0
        return msgspec.structs.replace(done, delivered_ns=now_ns, next_ns=next_ns), "sent"
    tries, failing_ns = it.tries + 1, it.failing_ns or now_ns
    failed = msgspec.structs.replace(it, tries=tries, failing_ns=failing_ns, problem=problem, version=version)
    if attempt.gone:
        return msgspec.structs.replace(failed, state="disabled", next_ns=0), "disabled"
    if attempt.refused and tries >= MOST_REFUSALS:
        return done, "dead"
    if now_ns - failing_ns >= GIVE_UP_NS:
        return msgspec.structs.replace(done, state="disabled"), "dead"
    pause_s = exponential_s(FIRST_S, LONGEST_S, tries - 1) * (1.0 - 0.5 * share)
    pause_s = max(pause_s, min(attempt.retry_after_s, DAY_NS / SECOND_NS))
    return msgspec.structs.replace(failed, next_ns=now_ns + round(pause_s * SECOND_NS)), "later"


def confirmed(it: Webhook, rate: int) -> Webhook:
    """A webhook whose receiver has consented."""
    return msgspec.structs.replace(
        it, state="active", rate=rate, tries=0, failing_ns=0, next_ns=0, problem="", version=it.version + 1
    )


def rotated(it: Webhook, secret: bytes, now_ns: int) -> Webhook:
    """A webhook with new keys; messages are signed with those before too for a day."""
    return msgspec.structs.replace(
        it, secret=secret, previous=it.secret, previous_until_ns=now_ns + ROTATION_NS, version=it.version + 1
    )


def rewound(it: Webhook, position: int) -> Webhook:
    """A webhook that sends again what lies after a position."""
    return msgspec.structs.replace(
        it, position=position, sending=position, tries=0, failing_ns=0, next_ns=0, version=it.version + 1
    )
