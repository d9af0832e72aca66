"""The settings of the recorder. `docs/reference/settings.md` describes every key."""

from __future__ import annotations

from typing import Annotated

import msgspec

Days = Annotated[int, msgspec.Meta(ge=1)]
MOST_DAYS = 90


class KeepSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long one camera's footage is kept, where it differs.

    Attributes:
        floor_days: See `RecorderSettings`; none: as for all.
        ceiling_days: The same.
        ceiling_reason: The rule that demands more than 90 days.
    """

    floor_days: Days | None = None
    ceiling_days: Days | None = None
    ceiling_reason: str = ""


class RecorderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Footage. Off until it is switched on.

    Attributes:
        enabled: Record at all.
        folder: Where footage goes; best a disk of its own. It must be there. Relative to the settings file.
        key_file: The box's key, made on first use; not on the footage's disk. Relative to the settings file; empty:
            `footage.key` in the data folder.
        floor_days: Footage is never erased before, counted from the end of its UTC day.
        ceiling_days: Always erased after, counted the same; above 90 only with `ceiling_reason`.
        ceiling_reason: The rule that demands more than 90 days.
        reserve_mb: What stays free on the disk.
        priorities: Camera → priority; at a full disk the lowest stops first. 0 where a camera is not named.
        keep: Camera → its own retention.
        mute: Cameras whose sound is not recorded.
    """

    enabled: bool = False
    folder: str = "footage"
    key_file: str = ""
    floor_days: Days = 30
    ceiling_days: Days = 30
    ceiling_reason: str = ""
    reserve_mb: Annotated[int, msgspec.Meta(ge=16)] = 2048
    priorities: dict[str, int] = {}
    keep: dict[str, KeepSettings] = {}
    mute: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for camera in ("", *self.keep):
            self._check(f"keep.{camera}." if camera else "", *self.retention_of(camera))

    def retention_of(self, camera: str) -> tuple[int, int, str]:
        """A camera's minimum and maximum retention, days, and the reason for a long maximum."""
        own = self.keep.get(camera, KeepSettings())
        floor = own.floor_days or self.floor_days
        ceiling = own.ceiling_days or self.ceiling_days
        return floor, ceiling, own.ceiling_reason or self.ceiling_reason

    @staticmethod
    def _check(where: str, floor: int, ceiling: int, reason: str) -> None:
        if ceiling < floor:
            raise ValueError(f"{where}ceiling_days is {ceiling}; it cannot be below floor_days, {floor}")
        if ceiling > MOST_DAYS and not reason.strip():
            raise ValueError(f"{where}ceiling_days above {MOST_DAYS} needs ceiling_reason: the rule that demands it")
