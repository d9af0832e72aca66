"""An alert's next state. Pure: time and ids are arguments; `transition_table.py` defines which states follow which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from aggregator.domain.alerts.grouping import fingerprint_of, subject_of, within_window
from aggregator.domain.alerts.rules import DEFAULTS, AlertRules, Rule, closing, realarms
from aggregator.domain.alerts.transition_table import PERSONAL, TABLE, Move, Trigger
from aggregator.domain.alerts.types import (
    BY_SYSTEM,
    QUIET_EFFECTS,
    SEVERITIES,
    SYSTEM,
    Absorbed,
    Acknowledged,
    Alert,
    Assigned,
    Change,
    Closed,
    ClosingDue,
    ConditionEnded,
    Decision,
    Effect,
    EscalationRequested,
    EventObserved,
    Marked,
    MergedInto,
    Noted,
    Reopened,
    Severity,
    SplitOff,
    Suppressed,
    Unassigned,
    Unsuppressed,
)
from aggregator.settings.alerts import Closing
from common.clock import SECOND_NS
from protocol.envelope import Event

Result = tuple[Alert | None, tuple[Effect, ...]]
Fields = dict[str, Any]


@dataclass(frozen=True)
class Context:
    """What a transition depends on beside the alert and the change.

    Attributes:
        now_ns: The wall clock.
        new_id: Gives an id for a new alert.
        rules: How alerts of each kind behave.
        decision: Who decided.
    """

    now_ns: int
    new_id: Callable[[], str]
    rules: AlertRules = DEFAULTS
    decision: Decision = BY_SYSTEM


def transition(alert: Alert | None, change: Change, context: Context) -> Result:
    """The next state of an alert, and what happened on the way.

    Args:
        alert: The newest alert with the fingerprint in question, or None.
        change: What happened.
        context: Time, ids, rules, and who decided.

    Returns:
        The alert to keep (the same object where nothing changed) and the effects.
    """
    if isinstance(change, EventObserved):
        return _observe(alert, change, context)
    if alert is None or (isinstance(change, ConditionEnded) and change.kind and change.time_ns < alert.last_ns):
        return alert, ()  # it came late, and the condition has come back since
    return _move(alert, _trigger(alert, change), _FIELDS[type(change)](alert, change), context)


def _observe(alert: Alert | None, change: EventObserved, context: Context) -> Result:
    event = change.event
    rule = context.rules.of(event)
    if rule is None:
        return alert, ()
    subject = subject_of(event)
    severity = context.rules.severity(event, rule, subject)
    if alert is not None and alert.status == "open" and within_window(alert, event.time_ns, rule.window_s):
        return _merge(alert, change, (rule, severity), context)
    opened = _opened(event, rule, severity, context)
    if change.ended_ns is None or change.ended_ns < event.time_ns:
        return opened, (Effect.OPENED,)
    over, effects = transition(opened, ConditionEnded(rule.ended_by[0], change.ended_ns), context)
    return over, (Effect.OPENED, *effects)


def _merge(alert: Alert, change: EventObserved, seen_as: tuple[Rule, Severity], context: Context) -> Result:
    event, (rule, severity) = change.event, seen_as
    raised = SEVERITIES.index(severity) > SEVERITIES.index(alert.severity)
    seen = alert.acknowledgement != "unacknowledged"
    ended_ns = max(alert.ended_ns or 0, change.ended_ns or 0)
    late = bool(rule.ended_by) and alert.condition == "ended" and event.time_ns <= ended_ns
    kind = "raise" if raised else "realarm" if seen and realarms(alert, rule, context.now_ns) else "event"
    return _move(alert, _EVENT_TRIGGERS[kind, late], _merged(alert, event, severity if raised else None), context)


_EVENT_TRIGGERS: dict[tuple[str, bool], Trigger] = {
    ("event", False): Trigger.EVENT, ("event", True): Trigger.LATE,
    ("realarm", False): Trigger.REALARM, ("realarm", True): Trigger.LATE_REALARM,
    ("raise", False): Trigger.RAISE, ("raise", True): Trigger.LATE_RAISE,
}  # fmt: skip


def _move(alert: Alert, trigger: Trigger, fields: Fields | None, context: Context) -> Result:
    """Look the cell up, and fill in what follows from the new state."""
    rule, decision = context.rules.of_kind(alert.kind), context.decision
    severity = fields.get("severity", alert.severity) if fields else alert.severity
    waits: Closing = "person" if alert.help_ns else closing(severity, rule)
    move = TABLE.get((trigger, waits, (alert.condition, alert.acknowledgement, alert.status)))
    if fields is None or move is None or (trigger in PERSONAL and not decision.person):
        if trigger is Trigger.DUE and alert.due_ns is not None:
            return msgspec.structs.replace(alert, due_ns=None, version=alert.version + 1), ()
        return alert, ()
    condition, acknowledgement, status = move.state
    version = alert.version + 1
    fields |= {"condition": condition, "acknowledgement": acknowledgement, "status": status, "version": version}
    if not QUIET_EFFECTS.issuperset(move.effects):
        fields["decided"] = version
    fields |= _consequences(alert, move, context)
    wait_s = _wait_s(move, rule, waits)
    if wait_s is not KEEP:
        fields["due_ns"] = None if wait_s is None else context.now_ns + round(wait_s * SECOND_NS)
    return msgspec.structs.replace(alert, **fields), move.effects


def _consequences(alert: Alert, move: Move, context: Context) -> Fields:
    """The fields that follow from the new state: acknowledgement, end and closing."""
    _, acknowledgement, status = move.state
    decision = context.decision
    fields: Fields = {}
    if acknowledgement != alert.acknowledgement:
        if acknowledgement == "unacknowledged":
            fields |= {"acknowledged_ns": None, "acknowledged_by": "", "assignee": "", "since_acknowledged": 0}
        elif alert.acknowledgement == "unacknowledged":
            fields |= {"acknowledged_ns": context.now_ns, "acknowledged_by": decision.actor, "since_acknowledged": 0}
        if acknowledgement == "acknowledged":
            fields["assignee"] = ""
    if Effect.RESUMED in move.effects:
        fields["ended_ns"] = None
    if Effect.ESCALATION_REQUESTED in move.effects:
        fields["help_ns"] = context.now_ns
    if status == "closed" and alert.status == "open":
        fields["closed_ns"] = context.now_ns
        if decision.person:
            fields["closed_by"] = decision.actor
        fields |= {"suppression": "", "suppressed_by": "", "suppressed_until_ns": None}
    elif status == "open":
        fields["closed_by"] = ""
    return fields


KEEP = -1.0
"""`due_ns` stays as it is."""


def _wait_s(move: Move, rule: Rule, waits: Closing) -> float | None:
    """In how many seconds the lifecycle looks at the alert again; None: it need not."""
    condition, _, status = move.state
    if status == "closed" or Effect.REOPENED in move.effects:
        return None
    if Effect.ESCALATION_REQUESTED in move.effects and condition == "ended":
        return None  # it does not close by itself any more
    if Effect.MERGED in move.effects and condition == "active":
        return rule.window_s
    if Effect.ENDED in move.effects:
        return rule.closes_after_s if waits == "later" else None
    return KEEP


def _opened(event: Event, rule: Rule, severity: Severity, context: Context) -> Alert:
    return Alert(
        id=context.new_id(),
        fingerprint=fingerprint_of(event),
        site=event.site,
        box=event.box,
        place=event.place,
        kind=event.kind,
        subject=subject_of(event),
        object=getattr(event.data, "object", ""),
        severity=severity,
        count=1,
        first_ns=event.time_ns,
        last_ns=event.time_ns,
        opened_ns=context.now_ns,
        picture_event=event.id if event.picture else None,
        picture_ns=event.time_ns if event.picture else 0,
        due_ns=None if rule.window_s is None else context.now_ns + round(rule.window_s * SECOND_NS),
    )


def _merged(alert: Alert, event: Event, raised_to: Severity | None) -> Fields:
    """One more event; a late one counts but moves nothing back."""
    fields: Fields = {
        "count": alert.count + 1,
        "first_ns": min(alert.first_ns, event.time_ns),
        "last_ns": max(alert.last_ns, event.time_ns),
    }
    if alert.acknowledgement != "unacknowledged":
        fields["since_acknowledged"] = alert.since_acknowledged + 1
    if raised_to is not None:
        fields |= {"severity": raised_to, "object": getattr(event.data, "object", "")}
    if event.picture is not None and event.time_ns >= alert.picture_ns:
        fields |= {"picture_event": event.id, "picture_ns": event.time_ns}
    return fields


def _trigger(alert: Alert, change: Change) -> Trigger:
    if isinstance(change, Absorbed) and alert.acknowledgement != "unacknowledged":
        unseen = any(it.acknowledgement == "unacknowledged" for it in change.others)
        return Trigger.ABSORB_UNSEEN if unseen else Trigger.ABSORB
    return _TRIGGERS[type(change)]


_TRIGGERS: dict[type[Any], Trigger] = {
    ConditionEnded: Trigger.END, ClosingDue: Trigger.DUE, Acknowledged: Trigger.ACKNOWLEDGE, Assigned: Trigger.ASSIGN,
    Unassigned: Trigger.UNASSIGN, Noted: Trigger.NOTE, EscalationRequested: Trigger.ESCALATE,
    Closed: Trigger.CLOSE, Reopened: Trigger.REOPEN, Absorbed: Trigger.ABSORB, MergedInto: Trigger.JOIN,
    SplitOff: Trigger.SPLIT, Suppressed: Trigger.SUPPRESS, Unsuppressed: Trigger.UNSUPPRESS, Marked: Trigger.MARK,
}  # fmt: skip


def _ended(_: Alert, change: ConditionEnded) -> Fields:
    return {"ended_ns": change.time_ns, "closed_by": change.kind or SYSTEM}


def _closed(alert: Alert, change: Closed) -> Fields | None:
    if alert.merged_into:
        return None  # its outcome is that of the alert that it was merged into
    return {"outcome": change.outcome, "note": change.note or alert.note}


def _reopened(alert: Alert, _: Reopened) -> Fields | None:
    if alert.merged_into:
        return None
    return {"outcome": "", "closed_ns": None, "closed_by": "", "since_acknowledged": 0, "help_ns": 0}


def _absorbed(alert: Alert, change: Absorbed) -> Fields:
    every = (alert, *change.others)
    newest = max(every, key=lambda it: (it.picture_event is not None, it.picture_ns))
    return {
        "severity": max((it.severity for it in every), key=SEVERITIES.index),
        "count": sum(it.count for it in every),
        "help_ns": max(it.help_ns for it in every),
        "first_ns": min(it.first_ns for it in every),
        "last_ns": max(it.last_ns for it in every),
        "picture_event": newest.picture_event,
        "picture_ns": newest.picture_ns,
    }


def _split(alert: Alert, change: SplitOff) -> Fields | None:
    if not 0 < change.count < alert.count:
        return None
    event_id, time_ns = change.picture or (None, 0)
    return {"count": alert.count - change.count, "picture_event": event_id, "picture_ns": time_ns}


def _unsuppressed(alert: Alert, _: Unsuppressed) -> Fields | None:
    return None if not alert.suppression else {"suppression": "", "suppressed_by": "", "suppressed_until_ns": None}


def _marked(alert: Alert, change: Marked) -> Fields | None:
    return None if bool(alert.chattering) == change.chattering else {"chattering": int(change.chattering)}


def _assigned(alert: Alert, change: Assigned) -> Fields | None:
    return None if alert.assignee == change.to else {"assignee": change.to}


_FIELDS: dict[type[Any], Callable[[Any, Any], Fields | None]] = {
    ConditionEnded: _ended,
    ClosingDue: lambda alert, _: None if alert.due_ns is None else {"closed_by": SYSTEM},
    Acknowledged: lambda _, __: {},
    Assigned: _assigned,
    Unassigned: lambda _, __: {},
    Noted: lambda _, change: {"note": change.note},
    EscalationRequested: lambda alert, change: {"note": change.note or alert.note},
    Closed: _closed,
    Reopened: _reopened,
    Absorbed: _absorbed,
    MergedInto: lambda _, change: {"merged_into": change.alert_id},
    SplitOff: _split,
    Suppressed: lambda _, change: {
        "suppression": change.kind, "suppressed_by": change.by, "suppressed_until_ns": change.until_ns,
    },
    Unsuppressed: _unsuppressed,
    Marked: _marked,
}  # fmt: skip
"""What each change itself puts into the alert; None: it does not apply."""
