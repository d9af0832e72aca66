"""A live view on its way: each message is a head and a piece of fragmented MP4, from the box to the browsers as it is.

Head: one byte, what it is; eight bytes, when the picture was taken (wall clock of the box, nanoseconds, big endian).
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from common.clock import SECOND_NS
from common.errors import ContractError

HEAD = 9
MOST_BYTES = 1_000_000
KEEP_ALIVE = "more"
"""The aggregator sends this at intervals; a box that does not receive it for `PATIENCE_S` stops."""
INTEREST_S, PATIENCE_S = 5.0, 20.0
LONGEST_NS = 600 * SECOND_NS
"""Of footage that is played in one view: the audit log names the range, so it has an end."""


class FrameType(IntEnum):
    """What a message is."""

    INIT = 0
    KEY = 1
    FRAME = 2


class LiveFrame(NamedTuple):
    """A message."""

    what: FrameType
    time_ns: int
    data: bytes


def pack(piece: LiveFrame) -> bytes:
    """The wire form."""
    return bytes([piece.what]) + piece.time_ns.to_bytes(8, "big") + piece.data


def what_of(message: bytes) -> FrameType:
    """What a message is.

    Raises:
        ContractError: It is none.
    """
    if not HEAD < len(message) <= MOST_BYTES or message[0] > FrameType.FRAME:
        raise ContractError("live: not a piece of a live view")
    return FrameType(message[0])
