"""Decisions of people about alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aggregator.auth.rate_limiter import RateLimiter
from aggregator.domain.accounts.authorization import Areas, Principal
from aggregator.domain.alerts.decisions import Allowed, Decide, Request, Verdict
from aggregator.domain.alerts.types import Alert, Assigned, Closed, Decision, EscalationRequested, Suppressed
from aggregator.domain.escalation.plan import steps_at
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.accounts import AccountReader
from aggregator.domain.store_port.alerts import AlertLookup
from aggregator.settings.escalation import Escalation

ClosingProblems = Callable[[Sequence[tuple[Alert, Closed]]], Mapping[str, str]]
"""Alert's id → why it may not be closed so."""


def _no_problems(_: Sequence[tuple[Alert, Closed]]) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class AlertService:
    """Changes alerts, after a check of permissions.

    Args:
        queue: Of the store's writer.
        carry_out: Commits decisions and publishes the changes; called on the writer's thread.
        accounts: To whom an alert may be assigned.
        areas: The areas of each place.
        asks: Limits how often people ask for help with an alert: each time others are notified.
        closing_problems: What procedures require before an alert is closed; called on the writer's thread.
        escalations: Reads the escalation of each site that has one.
    """

    queue: WriteJobs[AlertLookup]
    carry_out: Decide
    accounts: AccountReader
    areas: Areas
    asks: RateLimiter
    closing_problems: ClosingProblems = _no_problems
    escalations: Callable[[], Mapping[str, Escalation]] = dict

    async def decide(self, caller: Principal, requests: Sequence[Request], origin: str = "") -> list[Verdict]:
        """Commit a person's decisions, all together, and publish the changes.

        Args:
            caller: Who decides.
            requests: What they wish.
            origin: The client's address.

        Returns:
            What came of each request; an alert outside the caller's scope is missing.

        Raises:
            LoginThrottled: Somebody has just asked for help with the same alert.
            StoreError: It could not be written; nothing was changed.
        """
        decision = Decision(caller.name, "dashboard" if caller.only is None else "api", origin)
        named = {it.wish.to for it in requests if isinstance(it.wish, Assigned)}
        people = {name: await asyncio.to_thread(self._principal, name) for name in named}
        escalations: Mapping[str, Escalation] = {}
        asked = [it.alert_id for it in requests if isinstance(it.wish, EscalationRequested)]
        for alert_id in asked:
            self.asks.take(alert_id)
        if asked:
            escalations = await asyncio.to_thread(self.escalations)

        def allowed(alert: Alert) -> bool:
            return caller.may("alerts.work", alert.site, alert.place)

        def job(store: AlertLookup) -> list[Verdict]:
            unfit = (
                (number, _unfit(it, store, caller, people) or self._escalation_problem(it, store, allowed, escalations))
                for number, it in enumerate(requests)
            )
            refused = {number: verdict for number, verdict in unfit if verdict is not None}
            refused |= self._open_steps(store, requests, allowed)
            rest = self.carry_out([it for n, it in enumerate(requests) if n not in refused], decision, allowed)
            done = iter(rest)
            return [refused[number] if number in refused else next(done) for number in range(len(requests))]

        verdicts = await self.queue.write(job)
        for request, verdict in zip(requests, verdicts, strict=True):
            if request.alert_id in asked and verdict.result != "done":
                self.asks.take_back(request.alert_id)  # nobody was notified
        return verdicts

    def _open_steps(self, store: AlertLookup, requests: Sequence[Request], allowed: Allowed) -> dict[int, Verdict]:
        """Which of the requests close an alert whose required steps are open."""
        closing: dict[int, tuple[Alert, Closed]] = {}
        for number, request in enumerate(requests):
            if isinstance(request.wish, Closed):
                alert = store.alert(request.alert_id)
                if alert is not None and allowed(alert):
                    closing[number] = (alert, request.wish)
        problems = self.closing_problems(list(closing.values())) if closing else {}
        return {
            number: Verdict("refused", alert, problems[alert.id])
            for number, (alert, _) in closing.items()
            if alert.id in problems
        }

    def _escalation_problem(
        self, request: Request, store: AlertLookup, allowed: Allowed, escalations: Mapping[str, Escalation]
    ) -> Verdict | None:
        """Why nobody can be notified where a person asks for help with an alert."""
        alert = store.alert(request.alert_id) if isinstance(request.wish, EscalationRequested) else None
        if alert is None or not allowed(alert):
            return None
        if alert.suppression:
            return _HIDDEN
        whole, areas = escalations.get(alert.site), self.areas.get((alert.site, alert.place), frozenset())
        covered = whole is not None and steps_at(whole, areas, alert.severity)
        return None if covered else _NO_CHAIN

    def _principal(self, name: str) -> Principal | None:
        if self.accounts.user(name) is None:
            return None
        return Principal(name, self.accounts.role_assignments(name), self.areas)


_NO_ASSIGNEE = Verdict("refused", reason="to: no user of this name may work on this alert")
_HIDDEN = Verdict("refused", reason="hidden: nobody is notified of a shelved or silenced alert; end that first")
_NO_CHAIN = Verdict(
    "refused", reason="escalation: no chain covers this alert; a supervisor can add one on the page Escalation"
)
_CRITICAL = Verdict("refused", reason="severity: a critical alert is shelved by a supervisor only")


def _unfit(
    request: Request, store: AlertLookup, caller: Principal, people: dict[str, Principal | None]
) -> Verdict | None:
    """Why a wish is refused: the assignee may not work on the alert, or the caller may not hide a critical one.

    An alert that is missing, or outside the caller's scope, is left to the decision.
    """
    wish = request.wish
    alert = store.alert(request.alert_id) if isinstance(wish, Assigned | Suppressed) else None
    if alert is None:
        return None
    if isinstance(wish, Assigned):
        person = people[wish.to]
        return None if person is not None and person.may("alerts.work", alert.site, alert.place) else _NO_ASSIGNEE
    sees = caller.may("alerts.work", alert.site, alert.place)
    supervises = caller.may("silences.change", alert.site, alert.place)
    return _CRITICAL if alert.severity == "critical" and sees and not supervises else None
