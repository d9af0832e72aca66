"""What the recorder is told. `docs/settings.md` describes every key."""

from __future__ import annotations

from typing import Annotated

import msgspec

Days = Annotated[int, msgspec.Meta(ge=1)]
MOST_DAYS = 90


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
    """

    enabled: bool = False
    folder: str = "footage"
    key_file: str = ""
    floor_days: Days = 30
    ceiling_days: Days = 30
    ceiling_reason: str = ""
    reserve_mb: Annotated[int, msgspec.Meta(ge=16)] = 2048
    priorities: dict[str, int] = {}

    def __post_init__(self) -> None:
        if self.ceiling_days < self.floor_days:
            raise ValueError(f"ceiling_days is {self.ceiling_days}; it cannot be below floor_days, {self.floor_days}")
        if self.ceiling_days > MOST_DAYS and not self.ceiling_reason.strip():
            raise ValueError(f"ceiling_days above {MOST_DAYS} needs ceiling_reason: the rule that demands it")
