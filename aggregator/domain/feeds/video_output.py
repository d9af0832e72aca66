"""A video output: a receiver that a camera's redacted live view is sent to, for a consumer. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from common.clock import SECOND_NS
from common.running.backoff import exponential_s

OutputState = Literal["active", "paused"]
FIRST_S, LONGEST_S = 5.0, 300.0
"""Pauses between attempts."""
STEADY_NS = 60 * SECOND_NS
"""What was sent for so long begins again with the first pause."""
MOST_OF_A_CONSUMER = 5
_MOST_PROBLEM = 300


class LiveOutput(msgspec.Struct, frozen=True, kw_only=True):
    """A receiver of live video. Times are UTC nanoseconds.

    Attributes:
        id: UUIDv7.
        scheme: Of the address, such as `rtmps`.
        host: Of the address, which is not shown.
        address: The address, encrypted.
        sending_ns: Since when the receiver takes the video; 0: it does not now.
        tries: Attempts that failed one after another.
        next_ns: No attempt before this.
        version: Rises with each change.
    """

    id: str
    consumer: str
    site: str
    box: str
    camera: str
    scheme: str
    host: str
    address: bytes
    state: OutputState = "active"
    sending_ns: int = 0
    tries: int = 0
    next_ns: int = 0
    problem: str = ""
    made_by: str
    made_ns: int
    version: int = 1


def begun(it: LiveOutput, now_ns: int) -> LiveOutput:
    """An output whose receiver takes the video."""
    return msgspec.structs.replace(it, sending_ns=now_ns, problem="", version=it.version + 1)


def ended(it: LiveOutput, problem: str, now_ns: int, share: float) -> LiveOutput:
    """An output whose attempt has ended.

    Args:
        it: As it was.
        problem: Why.
        now_ns: The present.
        share: 0..1, of half of the pause that chance takes away.
    """
    steady = it.sending_ns and now_ns - it.sending_ns >= STEADY_NS
    tries = 1 if steady else it.tries + 1
    pause_s = exponential_s(FIRST_S, LONGEST_S, tries - 1) * (1.0 - 0.5 * share)
    return msgspec.structs.replace(
        it, sending_ns=0, tries=tries, next_ns=now_ns + round(pause_s * SECOND_NS), problem=problem[:_MOST_PROBLEM],
        version=it.version + 1,
    )  # fmt: skip


def switched(it: LiveOutput, state: OutputState) -> LiveOutput:
    """An output that is paused, or resumed and tried at once; one that sends already goes on."""
    sending_ns = it.sending_ns if state == it.state == "active" else 0
    return msgspec.structs.replace(
        it, state=state, sending_ns=sending_ns, tries=0, next_ns=0, problem="", version=it.version + 1
    )
