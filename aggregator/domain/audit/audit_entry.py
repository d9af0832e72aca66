"""An entry of the audit log. It is written in the transaction of the change that it describes."""

from __future__ import annotations

from typing import Literal

import msgspec

Action = Literal[
    "login", "login.failed", "logout", "role.changed",
    "list.added", "list.removed", "list.imported", "list.viewed", "list.exported", "plate.viewed",
    "alert.acknowledged", "alert.resolved", "alert.assigned", "alert.unassigned", "alert.noted", "alert.closed",
    "alert.reopened", "alert.merged", "alert.split", "alert.shelved", "alert.unshelved",
    "alert.escalated", "procedure.changed", "procedure.ticked", "procedure.unticked", "shift.noted", "handover.made",
    "handover.taken",
    "silence.created", "silence.ended", "maintenance.created", "maintenance.ended", "source.shelved",
    "source.unshelved",
    "plan.changed", "plan.removed", "site.located",
    "escalation.changed", "notification.target", "notification.replayed",
    "consumer.changed", "feed.sent",
    "gate.opened", "door.unlocked", "case.opened", "case.closed", "search", "view", "clip", "export",
    "release.requested", "release.approved",
    "release.refused", "release.made", "release.failed", "release.fetched", "hold", "hold.ended",
    "hold.refused", "erased", "checkpoint",
]  # fmt: skip


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of the record. It names places and entries by id, never a plate, a card or a person who was seen.

    Attributes:
        time_ns: When, UTC nanoseconds.
        who: The user; `system` for automatic actions.
        what: Which kind of act.
        site: Where; empty for all.
        target: What it was about: an entry's, alert's, gate's or release's id.
        case: The case it was done under.
        reason: In the person's words.
        detail: More, as short texts.
    """

    time_ns: int
    who: str
    what: Action
    site: str = ""
    target: str = ""
    case: str = ""
    reason: str = ""
    detail: dict[str, str] = {}


_ENCODER = msgspec.json.Encoder(order="sorted")


def encode(act: AuditEntry) -> bytes:
    """The bytes that the record's tree is built over: JSON with sorted keys."""
    return _ENCODER.encode(act)


def decode(entry: bytes) -> AuditEntry:
    """An act from the record."""
    return msgspec.json.decode(entry, type=AuditEntry)
