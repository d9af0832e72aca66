"""The alerts that are being worked on, cached for the thread that writes, and changed batch by batch.

Changes are laid over the cache and kept only when their batch is committed, so a failed commit changes nothing.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from aggregator.domain.alerts.grouping import fingerprint_of, targets
from aggregator.domain.alerts.history import HistoryEntry, detail_of
from aggregator.domain.alerts.lifecycle import Context, transition
from aggregator.domain.alerts.rules import DEFAULTS, ENDS, AlertRules, Rule
from aggregator.domain.alerts.types import (
    BY_SYSTEM,
    Alert,
    Change,
    ClosingDue,
    ConditionEnded,
    Decision,
    Effect,
    EventObserved,
    Unsuppressed,
)
from aggregator.domain.store_port.alerts import AlertLookup
from protocol.envelope import Event

_CACHE_SIZE = 2_048
"""Alerts whose events came last: 1.2 KB each. Others are read from the store, 0.1 ms each."""
MOST_DUE = 500
"""Alerts that one turn of the lifecycle looks at."""
_WITHOUT_ENTRY = frozenset({Effect.MERGED})
"""The events of an alert are its own list."""


def _forget_oldest(cached: dict[str, Any]) -> None:
    """Keep the `_CACHE_SIZE` entries that were put in last."""
    for key in list(itertools.islice(cached, max(0, len(cached) - _CACHE_SIZE))):
        del cached[key]


class AlertEngine:
    """Finds the alert that an event belongs to, and moves it on.

    Args:
        store: Where alerts are kept.
        new_id: Gives ids for new alerts and entries of their history.
        rules: How alerts of each kind behave.
    """

    def __init__(self, store: AlertLookup, new_id: Callable[[], str], rules: AlertRules = DEFAULTS) -> None:
        self._store = store
        self.new_id = new_id
        self._rules = rules
        self._marks: dict[str, str] = {}
        self._cache: dict[str, Alert] = {}
        self._new_marks: dict[str, str] = {}
        self.changed: dict[str, Alert] = {}
        self.history: list[HistoryEntry] = []
        self.effects: Counter[Effect] = Counter()

    def begin(self) -> None:
        """Start a batch; what was not kept of the one before is forgotten."""
        self._new_marks, self.changed, self.history, self.effects = {}, {}, [], Counter()

    def keep(self) -> None:
        """The batch is committed."""
        for mark, alert_id in self._new_marks.items():
            self._marks.pop(mark, None)  # it is the newest one now
            self._marks[mark] = alert_id
        self._new_marks = {}
        for alert in self.changed.values():
            self._cache.pop(alert.id, None)
            if alert.status == "open":
                self._cache[alert.id] = alert
            else:  # the store knows it, should it be asked for again
                self._marks.pop(alert.fingerprint, None)
        _forget_oldest(self._cache)
        _forget_oldest(self._marks)

    def forget(self) -> None:
        """The batch failed; read everything again."""
        self._cache.clear()
        self._marks.clear()
        self.begin()

    def prepare(self, events: Sequence[Event]) -> None:
        """Ask the store once which alerts there are for events that are about to be taken."""
        marks = {fingerprint_of(event) for event in events}
        marks |= {target for event in events if event.kind in ENDS for target in targets(event)}
        unknown = [mark for mark in marks if mark not in self._marks]
        if unknown:
            self._marks.update(dict.fromkeys(set(unknown) - self._store.known_fingerprints(unknown), ""))

    def take(self, event: Event, now_ns: int) -> str | None:
        """Let a new event have its effect.

        Returns:
            The id of the alert that it opened or merged into.
        """
        if event.kind in ENDS:
            for target in targets(event):
                ended = self._find(target)
                if ended is not None and ended.fingerprint == target:  # not one that it was merged into
                    self._move(ended, ConditionEnded(event.kind, event.time_ns), now_ns)
        rule = self._rules.of(event)
        if rule is None:
            return None
        mark = fingerprint_of(event)
        alert = self._find(mark)
        ended_ns = None
        if rule.ended_by and (alert is None or alert.status == "closed" or alert.condition == "ended"):
            ended_ns = self._ended(event, rule)
        moved = self._move(alert, EventObserved(event, ended_ns), now_ns)
        if moved is None:
            return None
        self._new_marks[mark] = moved.id
        return moved.id

    def alert(self, alert_id: str) -> Alert | None:
        """An alert as it is now, within the batch."""
        found = self.changed.get(alert_id) or self._cache.get(alert_id)
        return found if found is not None else self._store.alert(alert_id)

    def goes_on(self, event: Event) -> bool:
        """Whether the alert that an event would go into is open, and its condition active."""
        alert = self._find(fingerprint_of(event))
        return alert is not None and alert.status == "open" and alert.condition == "active"

    def change(self, alert: Alert, change: Change, now_ns: int, decision: Decision = BY_SYSTEM) -> Alert:
        """Let a decision about one alert have its effect; the same object where it has none."""
        return self._move(alert, change, now_ns, decision) or alert

    def redirect(self, alert: Alert, into: Alert) -> None:
        """Events of `alert` go into another one from now on."""
        self._new_marks[alert.fingerprint] = into.id

    def add(self, alert: Alert, entry: HistoryEntry) -> None:
        """Take a new alert that no event opened into the batch."""
        self.changed[alert.id] = alert
        self.history.append(entry)
        self.effects[Effect.OPENED] += 1

    def turn(self, now_ns: int) -> bool:
        """Do what is due: conditions that end by time, alerts that close by themselves, the end of a suppression.

        Returns:
            Whether there may be more.
        """
        due = self._store.due_alerts(now_ns, MOST_DUE)
        for found in due:
            alert = found
            if found.suppressed_until_ns is not None and found.suppressed_until_ns <= now_ns:
                alert = self.change(found, Unsuppressed(), now_ns)
            if alert.due_ns is not None and alert.due_ns <= now_ns:
                over = ConditionEnded("", now_ns) if alert.condition == "active" else ClosingDue()
                self.change(alert, over, now_ns)
        return len(due) >= MOST_DUE

    def _find(self, mark: str) -> Alert | None:
        known = self._new_marks.get(mark) or self._marks.get(mark)
        if known == "":
            return None
        alert = self.changed.get(known) or self._cache.get(known) if known else None
        if alert is not None:
            return alert
        found = self._store.newest_alert(mark)
        if found is None:
            self._marks[mark] = ""
        elif found.status == "open":
            self._marks[mark], self._cache[found.id] = found.id, found
        return found and self.changed.get(found.id, found)

    def _move(self, alert: Alert | None, change: Change, now_ns: int, decision: Decision = BY_SYSTEM) -> Alert | None:
        context = Context(now_ns, self.new_id, self._rules, decision)
        after, effects = transition(alert, change, context)
        if after is None or after is alert:
            return after
        self.changed[after.id] = after
        for effect in effects:
            self.effects[effect] += 1
            if effect not in _WITHOUT_ENTRY:
                self.history.append(self._entry(effect, change, after, now_ns, decision))
        return after

    def _entry(self, effect: Effect, change: Change, after: Alert, now_ns: int, by: Decision) -> HistoryEntry:
        return HistoryEntry(
            id=self.new_id(),
            alert=after.id,
            time_ns=now_ns,
            actor=by.actor,
            via=by.via,
            action=effect.value,
            detail=detail_of(effect, change, after, by),
        )

    def _ended(self, event: Event, rule: Rule) -> int | None:
        """When the condition was last ended by an event: it may have overtaken this one on the way."""
        times = [self._store.newest_event_time(event.site, event.box, event.place, kind) for kind in rule.ended_by]
        return max((time for time in times if time is not None), default=None)
