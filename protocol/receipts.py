"""Receipts and status: the two retained messages besides events.

A receipt names the sequence numbers of a box that the aggregator has *committed*. Only a receipt lets the outbox forget
an event, so a broker may lose events. A hole in the ranges asks the box to send those events again.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec

from common.decoding import JsonDecoder
from common.errors import ContractError
from protocol.event_types import Name
from protocol.identifiers import from_rfc3339
from protocol.problems import Code
from protocol.ranges import Ranges

_ENCODER = msgspec.json.Encoder()
MOST_RANGES = 10_000
RECEIPT_RANGES = 4_000
"""Most ranges that the aggregator puts into one receipt. One with fewer names all; one with as many speaks only for
what lies between its first number and its last."""
MOST_MEMBERS = 1_000
"""Cameras, doors or gates of one box."""
Sequence = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Epoch = Annotated[str, msgspec.Meta(max_length=32, pattern=r"^[0-9a-f]*$(?!\n)")]
Label = Annotated[str, msgspec.Meta(max_length=400)]
Pixels = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Rate = Annotated[float, msgspec.Meta(ge=0, le=100_000)]
_ZONE = re.compile(r"[A-Za-z0-9_+\-]{1,30}(/[A-Za-z0-9_+\-]{1,30}){0,3}")


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What has been committed of one outbox.

    `epoch` names the outbox; `ranges` are closed, sorted, disjoint.
    """

    epoch: Epoch
    ranges: Annotated[list[tuple[Sequence, Sequence]], msgspec.Meta(max_length=MOST_RANGES)]


CameraState = Literal["up", "lost", "covered", "frozen", "moved", "defocused", "starting", "refused"]


class CameraStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One camera in the box's status.

    While there is no picture, `since` says from when on (RFC 3339; empty: not known) and `problem` why, without
    secrets; `code` is the same of `protocol.problems` (empty in the status of an older box). `width` and `height` are
    those of the analysed pictures, pixels; 0: not known.
    """

    id: Name
    name: Label = ""
    state: CameraState = "starting"
    width: Pixels = 0
    height: Pixels = 0
    fps: Rate = 0.0
    watch: Literal["every-frame", "key-frames"] = "every-frame"
    since: str = ""
    problem: Label = ""
    code: Code = ""

    def __post_init__(self) -> None:
        if self.since:
            _check_time("since", self.since)


DoorStateName = Literal["open", "closed", "forced", "held", "offline", "unknown"]


class DoorStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One door in the box's status.

    `opened` is since when it stands open (RFC 3339; empty: it does not), `held_limit_s` how long it may now.
    """

    id: Name
    name: Label = ""
    state: DoorStateName = "unknown"
    locked: bool | None = None
    opened: str = ""
    held_limit_s: float | None = None

    def __post_init__(self) -> None:
        if self.opened:
            _check_time("opened", self.opened)
        if self.held_limit_s is not None and not 0 <= self.held_limit_s <= 10 * 365 * 86_400:
            raise ValueError("held_limit_s: must be seconds, 0 to ten years")


class GateStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One gate in the box's status: its name and the camera that reads for it."""

    name: Name
    camera: Name


class JobStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A clip or an unredacted copy that the box is making or uploading; `progress` is in per cent."""

    id: Name
    progress: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0


class BoxStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The box's retained status; the last will is one with `online: false`.

    `lists` is the version in effect, `jobs` are those that have begun.
    """

    online: bool
    epoch: Epoch = ""
    time: str = ""
    version: Annotated[str, msgspec.Meta(max_length=64)] = ""
    timezone: str = "UTC"
    outbox_waiting: Count = 0
    outbox_bytes: Count = 0
    cameras: Annotated[list[CameraStatus], msgspec.Meta(max_length=MOST_MEMBERS)] = []
    doors: Annotated[list[DoorStatus], msgspec.Meta(max_length=MOST_MEMBERS)] = []
    gates: Annotated[list[GateStatus], msgspec.Meta(max_length=MOST_MEMBERS)] = []
    lists: Count = 0
    jobs: Annotated[list[JobStatus], msgspec.Meta(max_length=MOST_MEMBERS)] = []

    def __post_init__(self) -> None:
        if self.time:
            _check_time("time", self.time)
        if not _ZONE.fullmatch(self.timezone):
            raise ValueError(f"timezone: '{self.timezone[:40]}' is not an IANA time zone such as Asia/Shanghai")


_RECEIPT = JsonDecoder(Receipt, "receipt")
_STATUS = JsonDecoder(BoxStatus, "status")


def encode(message: Receipt | BoxStatus) -> bytes:
    """The wire form, UTF-8 JSON."""
    return _ENCODER.encode(message)


def decode_receipt(message: bytes) -> tuple[str, Ranges]:
    """Epoch and committed numbers.

    Raises:
        ContractError: Not a receipt.
    """
    wire = _RECEIPT.decode(message)
    try:
        return wire.epoch, Ranges((first, last) for first, last in wire.ranges)
    except ValueError as error:
        raise ContractError(f"receipt: {error}") from error


def decode_status(message: bytes) -> BoxStatus:
    """A box's status.

    Raises:
        ContractError: Not a status.
    """
    return _STATUS.decode(message)


def stored_status(text: str) -> BoxStatus:
    """A status from a database; one that an older version took and that is refused today counts as offline."""
    try:
        return _STATUS.decode(text)
    except ContractError:
        return BoxStatus(online=False)


def _check_time(field: str, text: str) -> None:
    try:
        from_rfc3339(text)
    except ContractError as error:
        raise ValueError(f"{field}: '{text[:40]}' is not an RFC 3339 time in UTC") from error
