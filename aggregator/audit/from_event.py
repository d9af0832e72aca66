"""Audit entries from events: exports, holds and erasures of footage that people make at the box itself."""

from __future__ import annotations

from aggregator.domain.audit.audit_entry import Action, AuditEntry
from protocol.envelope import Event
from protocol.event_types import FootageHeld

ACTIONS: dict[str, Action] = {"footage.exported": "export", "footage.held": "hold", "footage.erased": "erased"}
BY_ITSELF = "box"
_AS_FIELDS = frozenset({"by", "reason"})


def entry_of(event: Event) -> AuditEntry | None:
    """The audit entry for an event; None where its kind has none.

    The person is written as `name@box`: a user of a box's shell is not a user of the aggregator.
    """
    what = ACTIONS.get(event.kind)
    if what is None:
        return None
    if isinstance(event.data, FootageHeld) and event.data.change in ("ended", "ended_early"):
        what = "hold.ended"
    fields = {name.rstrip("_"): value for name in event.data.__struct_fields__ if (value := getattr(event.data, name))}
    detail = {name: str(value) for name, value in fields.items() if name not in _AS_FIELDS}
    return AuditEntry(
        time_ns=event.time_ns, who=f"{fields.get('by') or BY_ITSELF}@{event.box}", what=what, site=event.site,
        target=f"{event.box}/{event.place}", reason=str(fields.get("reason", "")), detail=detail | {"event": event.id},
    )  # fmt: skip
