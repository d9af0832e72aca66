"""Every kind of event and the fields that it may carry (DESIGN section 6).

`KINDS` is the closed list. No kind has a field that could carry an identity: no name, no plate, no picture of a
face, no embedding. `tests/protocol/test_no_identity.py` holds the list of field names.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

ObjectClass = Literal["person", "bicycle", "car", "motorcycle", "bus", "truck"]
Direction = Literal["forward", "backward"]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.\-]+$(?!\n)")]
Pseudonym = Annotated[str, msgspec.Meta(min_length=16, max_length=64, pattern=r"^[0-9a-f]+$(?!\n)")]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class Data(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The `data` of an event; each kind is a subclass."""


class ZoneData(Data, frozen=True, kw_only=True):
    """An object's ground point and a zone. `bbox` is x1 y1 x2 y2 in pixels of the watched stream."""

    zone: Name
    object: ObjectClass
    track: Count
    bbox: tuple[float, float, float, float]
    confidence: Share


class ZoneEntered(ZoneData, frozen=True, kw_only=True):
    """An object's ground point came into a zone."""


class ZoneLeft(ZoneData, frozen=True, kw_only=True):
    """An object's ground point left a zone."""


class ZoneLoitering(ZoneData, frozen=True, kw_only=True):
    """An object has been in a zone for longer than the rule's limit."""

    seconds: Seconds


class ZoneCrowded(ZoneData, frozen=True, kw_only=True):
    """More objects are in a zone than the rule allows; the fields name the object that made it too many."""

    count: Count


class ZoneBlocked(ZoneData, frozen=True, kw_only=True):
    """An object has stood still in a zone for longer than the rule's limit."""

    seconds: Seconds


class LineCrossed(Data, frozen=True, kw_only=True):
    """A track crossed a directed line; `forward` is from the line's left to its right, seen from its first point."""

    line: Name
    direction: Direction
    object: ObjectClass
    track: Count


class DoorData(Data, frozen=True, kw_only=True):
    """A door's own words. `credential` is a pseudonym under a box key that is replaced every day."""

    door: Name
    credential: Pseudonym | None = None
    reason: str | None = None
    seconds: Seconds | None = None


class DoorGranted(DoorData, frozen=True, kw_only=True):
    """A credential was accepted."""


class DoorDenied(DoorData, frozen=True, kw_only=True):
    """A credential was refused."""


class DoorForced(DoorData, frozen=True, kw_only=True):
    """The door opened without a grant."""


class DoorHeld(DoorData, frozen=True, kw_only=True):
    """The door has stood open for longer than its limit."""


class DoorClosed(DoorData, frozen=True, kw_only=True):
    """The door closed after it was forced or held."""


class DoorDuress(DoorData, frozen=True, kw_only=True):
    """A duress code was entered."""


class DoorOffline(DoorData, frozen=True, kw_only=True):
    """The controller does not answer."""


class DoorOnline(DoorData, frozen=True, kw_only=True):
    """The controller answers again."""


class DoorTailgated(Data, frozen=True, kw_only=True):
    """More people crossed the door's line than were granted."""

    door: Name
    granted: Count
    crossed: Count


class VehicleData(Data, frozen=True, kw_only=True):
    """One passage at a gate. There is no field for a plate."""

    gate: Name
    confidence: Share
    opened: bool


class VehicleRegistered(VehicleData, frozen=True, kw_only=True):
    """A registered vehicle; `vehicle` is a pseudonym that changes every day."""

    vehicle: Pseudonym


class VehicleVisitor(VehicleData, frozen=True, kw_only=True):
    """A visitor's vehicle; `vehicle` is a pseudonym that changes every day."""

    vehicle: Pseudonym


class VehicleBarred(VehicleData, frozen=True, kw_only=True):
    """A barred vehicle; `entry` is the id of the list entry."""

    entry: Name


class VehicleUnlisted(VehicleData, frozen=True, kw_only=True):
    """A vehicle that is not on the list; `entry` only where an entry exists and has expired."""

    entry: Name | None = None


class VehicleUnreadable(VehicleData, frozen=True, kw_only=True):
    """A vehicle whose plate could not be read."""


class CameraData(Data, frozen=True, kw_only=True):
    """A camera's health: `seconds` is for how long, `score` how sure (0 to 1)."""

    seconds: Seconds | None = None
    score: Share | None = None


class CameraLost(CameraData, frozen=True, kw_only=True):
    """The camera's stream is lost."""


class CameraBack(CameraData, frozen=True, kw_only=True):
    """The camera's stream is back; `seconds` is how long it was lost."""


class CameraCovered(CameraData, frozen=True, kw_only=True):
    """Something covers the lens."""


class CameraFrozen(CameraData, frozen=True, kw_only=True):
    """The stream repeats one picture."""


class CameraMoved(CameraData, frozen=True, kw_only=True):
    """The camera's view differs from the one at its setup."""


class CameraDefocused(CameraData, frozen=True, kw_only=True):
    """The picture has lost its sharpness."""


class CameraClear(CameraData, frozen=True, kw_only=True):
    """The camera sees as it should again."""


class LedgerData(Data, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The recorder's ledger: a span of time (RFC 3339) and its cause."""

    from_: str | None = None
    to: str | None = None
    cause: str | None = None


class FootageGap(LedgerData, frozen=True, kw_only=True):
    """Footage is missing."""


class FootageAtRisk(LedgerData, frozen=True, kw_only=True):
    """The disk will not hold the floor."""


class FootageHeld(LedgerData, frozen=True, kw_only=True):
    """A hold covers footage, or has ended. `by` is who answers for that; `change` is missing in events of older boxes.

    Where a person has ended it before its time, `cause` has their reason.
    """

    by: str | None = None
    change: Literal["placed", "ended", "ended_early"] | None = None


class FootageErased(LedgerData, frozen=True, kw_only=True):
    """Footage was erased."""


class FootageExported(Data, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Somebody takes footage out, covered unless two agreed: `reason` is the case and why, `by` is who."""

    from_: str
    to: str
    reason: str
    by: str


class DiskFull(LedgerData, frozen=True, kw_only=True):
    """The disk is full."""


class DiskChanged(LedgerData, frozen=True, kw_only=True):
    """The disk is not the one that it was."""


class BoxStarted(Data, frozen=True, kw_only=True):
    """The box started."""


class BoxStopping(Data, frozen=True, kw_only=True):
    """The box stops on purpose."""


class BoxConfigRejected(Data, frozen=True, kw_only=True):
    """The box refused a configuration and keeps the one it has."""

    reason: str | None = None


class ClockStepped(Data, frozen=True, kw_only=True):
    """The box's wall clock jumped by `seconds` (positive: forward)."""

    seconds: float | None = None


class OutboxLost(Data, frozen=True, kw_only=True):
    """The outbox was full and dropped events, lowest kinds first. `sequences` are the numbers that will never come."""

    count: Count
    sequences: tuple[tuple[int, int], ...] = ()


KINDS: dict[str, type[Data]] = {
    "zone.entered": ZoneEntered,
    "zone.left": ZoneLeft,
    "zone.loitering": ZoneLoitering,
    "zone.crowded": ZoneCrowded,
    "zone.blocked": ZoneBlocked,
    "line.crossed": LineCrossed,
    "door.granted": DoorGranted,
    "door.denied": DoorDenied,
    "door.forced": DoorForced,
    "door.held": DoorHeld,
    "door.closed": DoorClosed,
    "door.duress": DoorDuress,
    "door.offline": DoorOffline,
    "door.online": DoorOnline,
    "door.tailgated": DoorTailgated,
    "vehicle.registered": VehicleRegistered,
    "vehicle.visitor": VehicleVisitor,
    "vehicle.barred": VehicleBarred,
    "vehicle.unlisted": VehicleUnlisted,
    "vehicle.unreadable": VehicleUnreadable,
    "camera.lost": CameraLost,
    "camera.back": CameraBack,
    "camera.covered": CameraCovered,
    "camera.frozen": CameraFrozen,
    "camera.moved": CameraMoved,
    "camera.defocused": CameraDefocused,
    "camera.clear": CameraClear,
    "footage.gap": FootageGap,
    "footage.at_risk": FootageAtRisk,
    "footage.held": FootageHeld,
    "footage.erased": FootageErased,
    "footage.exported": FootageExported,
    "disk.full": DiskFull,
    "disk.changed": DiskChanged,
    "box.started": BoxStarted,
    "box.stopping": BoxStopping,
    "box.config_rejected": BoxConfigRejected,
    "clock.stepped": ClockStepped,
    "outbox.lost": OutboxLost,
}

KIND_OF: dict[type[Data], str] = {data: kind for kind, data in KINDS.items()}
