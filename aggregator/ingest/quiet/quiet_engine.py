"""Applies what keeps alerts out of the queue, on the thread that writes, within the batch that changes the alerts.

An alert is looked at when something but one more event happened to it, and when a decision that could cover it begins
or ends. After a decision the open alerts of its sites are looked at in parts of `SWEPT`, one in each turn: a batch
stays small however many alerts there are. What is changed is committed with its history; after a failed commit, and
after a start, everything is read again, and all sites are looked at where something is hidden. What another process
has decided is read within `NOTICED_S` seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import TypeVar

from aggregator.domain.accounts.authorization import Areas
from aggregator.domain.alerts.types import Alert, Decision, Effect, Marked, Suppressed, Unsuppressed
from aggregator.domain.quiet import maintenance, shelving
from aggregator.domain.quiet.chattering import MOST_REMEMBERED, ChatteringDetector, is_calm
from aggregator.domain.quiet.decisions import QuietDecisions
from aggregator.domain.quiet.inhibition import CONSEQUENCES
from aggregator.domain.quiet.maintenance import Window
from aggregator.domain.quiet.shelving import Shelf
from aggregator.domain.quiet.silence import Silence
from aggregator.domain.quiet.suppression import QuietRules, rules_of
from aggregator.domain.read_models import StatusSeen
from aggregator.domain.store_port.quiet import QuietLookup
from aggregator.ingest.alert_engine import AlertEngine
from aggregator.ingest.quiet.box_watch import BoxWatch
from aggregator.ingest.quiet.cause_book import KEPT_S, CauseBook
from common.clock import SECOND_NS

NOTICED_S = 5
"""How often it is looked whether a decision begins. What one hid is shown again to the second when it ends."""
SWEPT = 500
"""Alerts that one turn looks at after a decision."""
BY_QUIET = Decision("system:quiet")
_ACTIVATED = frozenset({Effect.OPENED.value, Effect.RESUMED.value})
_RAISED = frozenset({Effect.RAISED.value, Effect.ABSORBED.value})
_ENDED = frozenset({Effect.ENDED.value, Effect.CLOSED.value, Effect.JOINED.value})
DecisionT = TypeVar("DecisionT", Silence, Window, Shelf)
Zone = Callable[[str], tzinfo]


def _utc(_site: str) -> tzinfo:
    return UTC


@dataclass(frozen=True)
class QuietPlaces:
    """What the rules need of places.

    Attributes:
        areas: The areas of each place.
        zone: A site's time zone.
    """

    areas: Areas = field(default_factory=dict)
    zone: Zone = _utc


class QuietEngine:
    """See the module.

    Args:
        store: The connection that writes.
        engine: Of the same thread; changes alerts and keeps their history.
        places: Areas and time zones.
    """

    def __init__(self, store: QuietLookup, engine: AlertEngine, places: QuietPlaces) -> None:
        self._store, self._engine = store, engine
        self._areas, self._zone = places.areas, places.zone
        self._boxes = BoxWatch(store, engine.new_id)
        self._decisions: QuietDecisions | None = None
        self._rules: QuietRules | None = None
        self._causes = CauseBook()
        self._chattering = ChatteringDetector()
        self._marked: dict[str, int] = {}
        self._running: frozenset[str] = frozenset()
        self._noticed_ns = 0
        self._version: tuple[int, ...] = ()
        self._dirty: dict[str, str] = {}
        self._again: set[str] = set()
        self.changed = QuietDecisions()

    def begin(self) -> None:
        """Start a batch."""
        self.changed = QuietDecisions()

    def forget(self) -> None:
        """The batch failed; read everything again, and look at all alerts of the sites that have decisions."""
        self._decisions = self._rules = None
        self._causes = CauseBook()
        self._running, self._noticed_ns = frozenset(), 0
        self._boxes.forget()
        self.begin()

    @property
    def busy(self) -> bool:
        """Whether alerts are still to be looked at."""
        return bool(self._dirty)

    def decide(self, changed: QuietDecisions, now_ns: int) -> None:
        """Take new or changed decisions into the batch, and apply them to the first alerts of their sites."""
        known = self._load(now_ns)
        known.silences = _replaced(known.silences, changed.silences)
        known.windows = _replaced(known.windows, changed.windows)
        known.shelves = _replaced(known.shelves, changed.shelves)
        self._rules = None
        self.changed = changed
        self._look_at(changed.sites())
        self._notice(now_ns)
        self._sweep(now_ns)

    def settle(self, now_ns: int) -> None:
        """Apply the rules to the alerts of a batch that something happened to, before it is committed."""
        self._load(now_ns)
        touched: dict[str, set[str]] = {}
        for entry in self._engine.history:
            touched.setdefault(entry.alert, set()).add(entry.action)
        for alert_id in touched:
            alert = self._engine.changed.get(alert_id)
            if alert is not None and self._causes.note(alert):
                self._look_at({alert.site})
        for alert_id, actions in touched.items():
            alert = self._engine.changed.get(alert_id)
            if alert is not None:
                if not actions.isdisjoint(_ACTIVATED):
                    self._mark(alert, now_ns)
                    alert = self._engine.changed[alert_id]
                if not actions.isdisjoint(_ENDED):
                    self._end_one_shot(alert, now_ns)
                self._apply(alert, now_ns, raised=not actions.isdisjoint(_RAISED))

    def statuses(self, seen: Iterable[StatusSeen], now_ns: int) -> None:
        """Statuses of boxes have come: one that is back ends `box.lost`."""
        for status in seen:
            for event in self._boxes.status(status.site, status.box, status.status.online, now_ns):
                self._engine.take(event, now_ns)

    def turn(self, now_ns: int) -> bool:
        """Look at the alerts of decisions that began or ended; whether there is more to do."""
        if now_ns - self._noticed_ns >= NOTICED_S * SECOND_NS or now_ns < self._noticed_ns:
            self._refresh(now_ns)
            self._notice(now_ns)
        self._causes.drop_old(now_ns)
        for event in self._boxes.due(now_ns):
            if not self._engine.goes_on(event):
                self._engine.take(event, now_ns)
        self._calm(now_ns)
        self.settle(now_ns)
        self._sweep(now_ns)
        return self.busy

    def _refresh(self, now_ns: int) -> None:
        """Read the decisions again where something has written some; it may have been another process."""
        version = self._store.quiet_version()
        if version == self._version:
            return
        self._version = version
        self._load(now_ns)
        self._decisions, self._rules = self._store.quiet_in_force(now_ns), None

    def _notice(self, now_ns: int) -> None:
        """Look at the sites of decisions that began or ended since the last time."""
        running = frozenset(self._in_force(self._load(now_ns), now_ns))
        self._look_at({it.partition("\0")[0] for it in running ^ self._running})
        self._running, self._noticed_ns = running, now_ns

    def _in_force(self, decisions: QuietDecisions, now_ns: int) -> Iterable[str]:
        """`site NUL id` of what counts now."""
        for silence in decisions.silences:
            if silence.active(now_ns):
                yield from (f"{site}\0{silence.id}" for site in silence.match.site)
        for window in decisions.windows:
            if maintenance.occurrence(window, now_ns, self._zone(window.site)) is not None:
                yield f"{window.site}\0{window.id}"
        for shelf in decisions.shelves:
            if shelf.active(now_ns):
                yield f"{shelf.source.site}\0{shelf.id}"

    def _load(self, now_ns: int) -> QuietDecisions:
        if self._decisions is None:
            self._decisions = self._store.quiet_in_force(now_ns)
            for alert in self._store.recent_causes(sorted(CONSEQUENCES), now_ns - KEPT_S * SECOND_NS):
                if self._causes.note(alert) and alert.status == "open":
                    self._look_at({alert.site})
            self._look_at(self._store.suppressed_sites())
            self._marked = {it.id: now_ns for it in self._store.chattering_alerts(MOST_REMEMBERED)}
        return self._decisions

    def _rules_now(self, now_ns: int) -> QuietRules:
        if self._rules is None:
            it = self._load(now_ns)
            it.silences = [silence for silence in it.silences if silence.until_ns > now_ns]
            it.windows = [window for window in it.windows if window.until_ns > now_ns]
            it.shelves = [shelf for shelf in it.shelves if shelf.until_ns > now_ns]
            self._rules = rules_of(it.shelves, it.silences, it.windows, self._areas, self._zone)
        return self._rules

    def _look_at(self, sites: Iterable[str]) -> None:
        """Look at all open alerts of these sites; where that has begun already, once more afterwards."""
        for site in sites:
            if self._dirty.setdefault(site, ""):
                self._again.add(site)

    def _sweep(self, now_ns: int) -> None:
        left = SWEPT
        for site in list(self._dirty):
            found = self._store.open_alerts_of(site, self._dirty[site], left)
            for alert in found:
                self._apply(self._engine.changed.get(alert.id, alert), now_ns)
            if len(found) == left:
                self._dirty[site] = found[-1].id
                return
            del self._dirty[site]
            if site in self._again:
                self._again.remove(site)
                self._dirty[site] = ""
            left -= len(found)

    def _apply(self, alert: Alert, now_ns: int, raised: bool = False) -> None:
        if alert.status != "open":
            return
        if alert.shelved_alone:
            if raised and alert.severity == "critical":  # what was shelved was something less
                self._engine.change(alert, Unsuppressed(), now_ns, BY_QUIET)
            return
        if alert.suppression == "inhibited" and alert.ended_ns is not None and not raised:
            return  # it came and went with its cause
        wanted = self._rules_now(now_ns).suppression(alert, alert.ended_ns, self._causes.find, now_ns)
        if wanted is None:
            if alert.suppression:
                self._engine.change(alert, Unsuppressed(), now_ns, BY_QUIET)
        elif (alert.suppression, alert.suppressed_by, alert.suppressed_until_ns) != (
            wanted.kind, wanted.by, wanted.until_ns,
        ):  # fmt: skip
            self._engine.change(alert, Suppressed(wanted.kind, wanted.by, wanted.until_ns), now_ns, BY_QUIET)

    def _end_one_shot(self, alert: Alert, now_ns: int) -> None:
        decisions = self._load(now_ns)
        ended = [
            after
            for shelf in decisions.shelves
            if shelving.covers(shelf, alert, now_ns) and (after := shelving.after_end(shelf, now_ns)) is not shelf
        ]
        if ended:
            decisions.shelves = _replaced(decisions.shelves, ended)
            self.changed.shelves += ended
            self._rules = None
            self._look_at({alert.site})

    def _mark(self, alert: Alert, now_ns: int) -> None:
        """The condition has become active: mark an alert that does so too often."""
        room = alert.id in self._marked or len(self._marked) < MOST_REMEMBERED
        if self._chattering.activated(alert.fingerprint, alert.last_ns) and room:
            self._marked[alert.id] = now_ns
            self._engine.change(alert, Marked(True), now_ns, BY_QUIET)

    def _calm(self, now_ns: int) -> None:
        for alert_id in [it for it, marked_ns in self._marked.items() if is_calm(marked_ns, now_ns)]:
            del self._marked[alert_id]
            alert = self._engine.alert(alert_id)
            if alert is not None and alert.chattering:
                self._engine.change(alert, Marked(False), now_ns, BY_QUIET)


def _replaced(known: list[DecisionT], changed: list[DecisionT]) -> list[DecisionT]:
    ids = {it.id for it in changed}
    return [it for it in known if it.id not in ids] + changed
