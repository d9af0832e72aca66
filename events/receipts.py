"""Receipts and status: the two retained messages besides events.

A receipt says which sequence numbers of a box the aggregator has *committed*. Only a receipt lets the outbox forget
an event, so a broker may lose whatever it likes. A hole in the ranges asks the box to send those events again.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from common.errors import ContractError
from events.ranges import Ranges

_ENCODER = msgspec.json.Encoder()


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What has been committed of one outbox.

    `epoch` names the outbox; `ranges` are closed, sorted, disjoint.
    """

    epoch: str
    ranges: list[tuple[int, int]]


CameraState = Literal["up", "lost", "covered", "frozen", "moved", "defocused", "starting"]


class CameraStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One camera in the box's status."""

    id: str
    name: str = ""
    state: CameraState = "starting"
    fps: float = 0.0
    watch: Literal["every-frame", "key-frames"] = "every-frame"


DoorStanding = Literal["open", "closed", "forced", "held", "offline", "unknown"]


class DoorStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One door in the box's status.

    `opened` is since when it stands open (RFC 3339; empty: it does not), `held_limit_s` how long it may now.
    """

    id: str
    name: str = ""
    state: DoorStanding = "unknown"
    locked: bool | None = None
    opened: str = ""
    held_limit_s: float | None = None


class GateStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One gate in the box's status: its name and the camera that reads for it."""

    name: str
    camera: str


class BoxStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The box's retained status; the last will is one with `online: false`. `lists` is the version in effect."""

    online: bool
    epoch: str = ""
    time: str = ""
    version: str = ""
    timezone: str = "UTC"
    outbox_waiting: Annotated[int, msgspec.Meta(ge=0)] = 0
    outbox_bytes: Annotated[int, msgspec.Meta(ge=0)] = 0
    cameras: list[CameraStatus] = []
    doors: list[DoorStatus] = []
    gates: list[GateStatus] = []
    lists: Annotated[int, msgspec.Meta(ge=0)] = 0


_RECEIPT = msgspec.json.Decoder(Receipt)
_STATUS = msgspec.json.Decoder(BoxStatus)


def encode(message: Receipt | BoxStatus) -> bytes:
    """The wire form, UTF-8 JSON."""
    return _ENCODER.encode(message)


def decode_receipt(message: bytes) -> tuple[str, Ranges]:
    """Epoch and committed numbers.

    Raises:
        ContractError: Not a receipt.
    """
    try:
        wire = _RECEIPT.decode(message)
        return wire.epoch, Ranges((first, last) for first, last in wire.ranges)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise ContractError(f"receipt: {error}") from error


def decode_status(message: bytes) -> BoxStatus:
    """A box's status.

    Raises:
        ContractError: Not a status.
    """
    try:
        return _STATUS.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ContractError(f"status: {error}") from error
