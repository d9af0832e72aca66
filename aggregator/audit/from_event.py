"""What people do at the box itself reaches the record as events do: exports, holds and erasures of footage."""

from __future__ import annotations

from aggregator.domain.audit_entry import Action, AuditEntry
from protocol.envelope import Event

WHAT: dict[str, Action] = {"footage.exported": "export", "footage.held": "hold", "footage.erased": "erased"}
BY_ITSELF = "box"
_AS_FIELDS = frozenset({"by", "reason"})


def act_of(event: Event) -> AuditEntry | None:
    """The record's entry for an event; None where its kind is nobody's act.

    Who did it stands as `name@box`: users of a box's shell are not the aggregator's, whatever they call themselves.
    """
    what = WHAT.get(event.kind)
    if what is None:
        return None
    told = {name.rstrip("_"): value for name in event.data.__struct_fields__ if (value := getattr(event.data, name))}
    detail = {name: str(value) for name, value in told.items() if name not in _AS_FIELDS}
    return AuditEntry(
        time_ns=event.time_ns, who=f"{told.get('by') or BY_ITSELF}@{event.box}", what=what, site=event.site,
        target=f"{event.box}/{event.place}", reason=str(told.get("reason", "")), detail=detail | {"event": event.id},
    )  # fmt: skip
