"""The alerts that are being worked on, cached for the thread that writes, and changed batch by batch.

Changes are laid over the cache and kept only when their batch is committed, so a failed commit changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from aggregator.domain.alert import (
    RESOLVES,
    Alert,
    Change,
    ConditionCleared,
    Effect,
    EventObserved,
    Rule,
    fingerprint_of,
    rule_of,
    targets,
    transition,
)
from aggregator.domain.store_port.alerts import AlertLookup
from protocol.envelope import Event

_CACHE_SIZE = 20_000


class AlertEngine:
    """Finds the alert that an event belongs to, and moves it on.

    Args:
        store: Where alerts are kept.
        new_id: Gives ids for new alerts.
    """

    def __init__(self, store: AlertLookup, new_id: Callable[[], str]) -> None:
        self._store = store
        self._new_id = new_id
        self._cache: dict[str, Alert | None] = {}
        self._overlay: dict[str, Alert | None] = {}
        self.changed: dict[str, Alert] = {}
        self.effects: Counter[Effect] = Counter()

    def begin(self) -> None:
        """Start a batch; what was not kept of the one before is forgotten."""
        self._overlay, self.changed, self.effects = {}, {}, Counter()

    def keep(self) -> None:
        """The batch is committed."""
        if len(self._cache) > _CACHE_SIZE:
            self._cache.clear()
        self._cache.update(self._overlay)
        self._overlay = {}

    def forget(self) -> None:
        """The batch failed; read everything again."""
        self._cache.clear()
        self.begin()

    def take(self, event: Event, now_ns: int) -> str | None:
        """Let a new event have its effect.

        Returns:
            The id of the alert that it opened or merged into.
        """
        if event.kind in RESOLVES:
            for target in targets(event):
                self._move(target, ConditionCleared(event.kind, event.time_ns), now_ns)
        rule = rule_of(event)
        if rule is None:
            return None
        mark = fingerprint_of(event)
        alert = self._find(mark)
        cleared_ns = self._cleared(event, rule) if alert is None or alert.state == "resolved" else None
        moved = self._move(mark, EventObserved(event, cleared_ns), now_ns)
        return None if moved is None else moved.id

    def change(self, alert: Alert, change: Change, now_ns: int) -> Alert:
        """Let a person's decision about one alert have its effect."""
        newest = self._find(alert.fingerprint)
        if newest is not None and newest.id == alert.id:
            moved = self._move(alert.fingerprint, change, now_ns)
            return moved or alert
        after, effects = transition(alert, change, now_ns, self._new_id)
        if after is not None and effects:
            self.changed[after.id] = after
            self.effects.update(effects)
        return after or alert

    def _find(self, mark: str) -> Alert | None:
        if mark in self._overlay:
            return self._overlay[mark]
        if mark not in self._cache:
            self._cache[mark] = self._store.newest_alert(mark)
        return self._cache[mark]

    def _move(self, mark: str, change: Change, now_ns: int) -> Alert | None:
        alert, effects = transition(self._find(mark), change, now_ns, self._new_id)
        if effects and alert is not None:
            self._overlay[mark] = alert
            self.changed[alert.id] = alert
            self.effects.update(effects)
        return alert

    def _cleared(self, event: Event, rule: Rule) -> int | None:
        """When the matter was last resolved by an event: it may have overtaken this one on the way."""
        times = [self._store.newest_event_time(event.site, event.box, event.place, kind) for kind in rule.resolved_by]
        return max((time for time in times if time is not None), default=None)
