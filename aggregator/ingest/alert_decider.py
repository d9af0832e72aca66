"""People's decisions about alerts: checked against the newest state, and committed with their audit entries."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from aggregator.domain.alerts.decisions import (
    MOST_MERGED,
    MOST_SPLIT,
    Allowed,
    Merge,
    Request,
    Split,
    Verdict,
    Wish,
    audit_of,
)
from aggregator.domain.alerts.grouping import split_fingerprint
from aggregator.domain.alerts.history import HistoryEntry, detail_text
from aggregator.domain.alerts.types import (
    Absorbed,
    Acknowledged,
    Alert,
    Assigned,
    Change,
    Decision,
    Effect,
    MergedInto,
    SplitOff,
    Suppressed,
    Unsuppressed,
)
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.store_port.alerts import AlertLookup
from aggregator.ingest.alert_engine import AlertEngine


class AlertDecider:
    """Takes one batch of decisions; the caller commits what `engine` and this hold.

    Args:
        store: Where alerts and events are kept.
        engine: Of the writer's thread; its batch has begun.
        by: Who decides and from where, and whether they may work on an alert.
        now_ns: The wall clock.
    """

    def __init__(
        self,
        store: AlertLookup,
        engine: AlertEngine,
        by: tuple[Decision, Allowed],
        now_ns: int,
    ) -> None:
        self._store, self._engine, self._new_id = store, engine, engine.new_id
        (self._decision, self._allowed), self._now_ns = by, now_ns
        self.audit_entries: list[AuditEntry] = []
        self.moved: dict[str, str] = {}

    def decide(self, requests: Sequence[Request]) -> list[Verdict]:
        """Carry requests out, one after the other."""
        return [self._decide(request) for request in requests]

    def _decide(self, request: Request) -> Verdict:
        alert = self._engine.alert(request.alert_id)
        if alert is None or not self._allowed(alert):
            return Verdict("missing", reason="no such alert")
        if request.version is not None and request.version < alert.decided:
            return Verdict("conflict", alert, "somebody has changed it in the meantime")
        verdict = self._carry_out(alert, request.wish)
        if verdict.result == "done" and verdict.alert is not alert:
            self.audit_entries.append(audit_of(alert, request.wish, self._decision, self._now_ns))
        return verdict

    def _carry_out(self, alert: Alert, wish: Wish) -> Verdict:
        if isinstance(wish, Merge):
            return self._merge(alert, wish)
        if isinstance(wish, Split):
            return self._split(alert, wish)
        by_rule = alert.suppression != "" and not alert.shelved_alone
        if by_rule and isinstance(wish, Suppressed | Unsuppressed):
            return Verdict("conflict", alert, f"it is hidden, {alert.suppression}, by {alert.suppressed_by}")
        after = self._change(alert, wish)
        if after is alert and not self._stands(alert, wish):
            return Verdict("conflict", alert, _why_not(alert))
        return Verdict("done", after)

    def _stands(self, alert: Alert, wish: Wish) -> bool:
        """Whether it is already as the caller wishes, by their own decision: a second press is no conflict."""
        if isinstance(wish, Acknowledged):
            taken = alert.acknowledgement == "acknowledged" and alert.acknowledged_by == self._decision.actor
            return taken and not alert.outcome
        return isinstance(wish, Assigned) and alert.status == "open" and alert.assignee == wish.to

    def _change(self, alert: Alert, change: Change) -> Alert:
        return self._engine.change(alert, change, self._now_ns, self._decision)

    def _merge(self, alert: Alert, wish: Merge) -> Verdict:
        ids = dict.fromkeys(wish.others)
        if not ids or len(ids) > MOST_MERGED or alert.id in ids:
            return Verdict("refused", alert, f"alerts: name 1 to {MOST_MERGED} other alerts")
        others: list[Alert] = []
        for alert_id in ids:
            other = self._engine.alert(alert_id)
            if other is None or not self._allowed(other):
                return Verdict("missing", alert, "alerts: no such alert")
            if other.site != alert.site:
                return Verdict("refused", alert, "alerts: they must be of the same site")
            others.append(other)
        if any(it.status == "closed" for it in (alert, *others)):
            return Verdict("conflict", alert, "only open alerts are merged")
        after = self._change(alert, Absorbed(tuple(others)))
        for other in others:
            self._change(other, MergedInto(alert.id, (alert.kind, alert.box, alert.place)))
            self._engine.redirect(other, alert)
        return Verdict("done", after)

    def _split(self, alert: Alert, wish: Split) -> Verdict:
        ids = set(wish.events)
        if not ids or len(ids) > MOST_SPLIT:
            return Verdict("refused", alert, f"events: name 1 to {MOST_SPLIT} events")
        found = self._store.events_by_id(alert.id, ids)
        if len(found) != len(ids):
            return Verdict("refused", alert, "events: not all of them are this alert's own")
        if alert.status == "closed" or len(ids) >= alert.count:
            return Verdict("conflict", alert, "an open alert is split, and keeps one event at least")
        stay = [it for it in self._store.events_of_alert(alert, len(ids) + 100) if it.id not in ids and it.picture]
        alert_id = self._new_id()
        after = self._change(alert, SplitOff(len(ids), (stay[0].id, stay[0].time_ns) if stay else None, alert_id))
        if after is alert:
            return Verdict("conflict", alert, "it cannot be split")
        shown = next((it for it in found if it.picture), None)
        created = msgspec.structs.replace(
            alert, id=alert_id, fingerprint=split_fingerprint(alert, alert_id), condition="ended",
            acknowledgement="unacknowledged", assignee="", note="", count=len(ids), since_acknowledged=0,
            first_ns=found[-1].time_ns, last_ns=found[0].time_ns, opened_ns=self._now_ns, ended_ns=self._now_ns,
            picture_event=shown.id if shown else None, picture_ns=shown.time_ns if shown else 0, acknowledged_ns=None,
            acknowledged_by="", suppression="", suppressed_by="", suppressed_until_ns=None, chattering=0, due_ns=None,
            version=1, decided=1,
        )  # fmt: skip
        self._engine.add(created, self._opened(created, alert))
        self.moved |= dict.fromkeys(ids, alert_id)
        return Verdict("done", after, created=created)

    def _opened(self, created: Alert, parent: Alert) -> HistoryEntry:
        return HistoryEntry(
            id=self._new_id(), alert=created.id, time_ns=self._now_ns, actor=self._decision.actor,
            via=self._decision.via, action=Effect.OPENED.value, detail=detail_text({"split_from": parent.id}),
        )  # fmt: skip


def _why_not(alert: Alert) -> str:
    if alert.merged_into:
        return "it was merged into another alert"
    if alert.status == "closed":
        return f"it is closed, by {alert.closed_by}"
    if alert.acknowledgement == "unacknowledged":
        return "it is not acknowledged"
    return f"it is {alert.acknowledgement}, by {alert.acknowledged_by}"
