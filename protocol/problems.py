"""Codes of what a box cannot do or see. A text in English goes with each, so that older aggregators show that.

A dashboard has the sentence of each code in its own languages. A box that does not know a code sends the text alone;
an aggregator that does not know one shows the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from common import errors

Code = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[a-z0-9_.]*$(?!\n)")]
PROBLEMS: tuple[str, ...] = (
    *("failed", "source", "source.lost", "source.refused", "source.login", "source.broken", "source.silent"),
    *("redaction", "footage", "footage.none", "footage.range", "footage.never", "footage.off", "footage.broken"),
    *("footage.refused", "footage.no_picture", "disk.full", "disk.changed", "disk.failed", "hold.unknown", "hold.many"),
    *("door", "door.lost", "door.refused", "door.unknown", "door.report_only", "gate.unknown", "gate.relay"),
    *("camera.unknown", "jobs", "jobs.full", "uplink", "uplink.refused", "outbox", "list", "broker", "model"),
    *("settings", "message", "command.unknown", "command.late", "box.stopping"),
    # what the aggregator says of a box
    *("box.silent", "box.day", "box.broke_off", "box.refused", "release.rights", "release.undecided", "keys"),
    "door.no_camera",  # of boxes again; what is there keeps its place
)
"""Every code. Their places are close codes of live views: new ones are added at the end."""
BY_CLASS: Mapping[type[errors.PaifangError], str] = {
    errors.PaifangError: "failed",
    errors.SourceError: "source",
    errors.SourceLost: "source.lost",
    errors.SourceRefused: "source.refused",
    errors.LoginRefused: "source.login",
    errors.StreamBroken: "source.broken",
    errors.RedactionError: "redaction",
    errors.FootageError: "footage",
    errors.FootageBroken: "footage.broken",
    errors.FootageRefused: "footage.refused",
    errors.DoorError: "door",
    errors.DoorLost: "door.lost",
    errors.DoorRefused: "door.refused",
    errors.RelayError: "gate.relay",
    errors.JobError: "jobs",
    errors.TryAgain: "jobs",
    errors.JobQueueFull: "jobs.full",
    errors.UplinkError: "uplink",
    errors.UplinkRefused: "uplink.refused",
    errors.OutboxError: "outbox",
    errors.ListError: "list",
    errors.BrokerError: "broker",
    errors.ModelError: "model",
    errors.SettingsError: "settings",
    errors.ContractError: "message",
}
"""Class of an error → its code, where the error has none of its own."""
GAP_CAUSES: Mapping[str, str] = {
    "camera lost": "camera_lost",
    "disk full": "disk_full",
    "disk changed": "disk_changed",
    "disk failed": "disk_failed",
    "box down": "box_down",
    "late writer": "late_writer",
    "clock step": "clock_step",
    "stopped for want of space": "no_space",
    "stream cannot be recorded": "stream_broken",
    "file missing": "file_missing",
    "no footage since; the camera, its disk or the box is down": "not_over",
}
"""Cause of a gap as boxes send it → its code. The texts are on the wire and stay as they are."""
ERASURE_CAUSES: Mapping[str, str] = {
    "ceiling": "ceiling", "space": "space", "ceiling, but for what is held": "ceiling_but_held",
}  # fmt: skip
"""Cause of an erasure by the box itself → its code; where a person erased, it is their reason."""
DOOR_REASONS: Mapping[str, str] = {
    "unknown": "unknown", "expired": "expired", "revoked": "revoked", "schedule": "schedule",
    "not permitted": "not_permitted", "antipassback": "antipassback", "pin": "pin", "locked": "locked",
    "other": "other", "tamper": "tamper", "tamper over": "tamper_over", "told late": "told_late", "refused": "refused",
}  # fmt: skip
"""Reason in an event of a door → its code. `revoked:ID` and `refused: TEXT` begin with one."""
LIVE_BASE = 4500
"""A live view that ends for a problem is closed with this plus the place of its code in `PROBLEMS`."""
AWAY = 4404
"""The other side is not there."""


def code_of(error: Exception | None) -> str:
    """The code of an error: its own, that of its class, or that of something unexpected."""
    if isinstance(error, errors.DiskTrouble):
        return f"disk.{error.cause}"
    if isinstance(error, errors.PaifangError):
        if error.sentence in PROBLEMS:
            return error.sentence
        return next(BY_CLASS[kind] for kind in type(error).__mro__ if kind in BY_CLASS)
    return "failed"


def close_code(code: str) -> int:
    """The close code of a live view that ends for a problem.

    >>> code_from_close(close_code("source.login")), close_code(""), code_from_close(1001)
    ('source.login', 4404, '')
    """
    return LIVE_BASE + PROBLEMS.index(code) if code in PROBLEMS else AWAY


def code_from_close(number: int) -> str:
    """The problem that a close code names; empty: none."""
    return PROBLEMS[number - LIVE_BASE] if 0 <= number - LIVE_BASE < len(PROBLEMS) else ""


def door_reason(reason: str) -> str:
    """The code of a reason in an event of a door; empty where it is none of ours.

    >>> door_reason("revoked:01a0"), door_reason("refused: wrong signature"), door_reason("some other text")
    ('revoked', 'refused', '')
    """
    return DOOR_REASONS.get(reason) or DOOR_REASONS.get(reason.partition(":")[0], "")
