"""Escalation: starts a timer for each alert that waits for an acknowledgement, and takes the steps that are due.

Crash procedure: timers are rows. A step is one transaction: its row, the notifications that it enqueues and the timer's
next due time are written together, or nothing is. After a kill at any instant the step is either taken or still due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from aggregator.domain.alerts.history import HistoryEntry, detail_text
from aggregator.domain.escalation.calendar import Holidays
from aggregator.domain.escalation.notification import LIFE_S, Notification, Target
from aggregator.domain.escalation.plan import Recipients, Step, Surroundings, recipients, steps_at
from aggregator.domain.escalation.records import AlertFacts, StepEffect, TakenStep, Timer
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.escalation import EscalationWriter
from aggregator.services.monitoring.escalation_service import EscalationService, SiteEscalation
from aggregator.services.monitoring.people import People
from common import logging_setup
from common.clock import SECOND_NS, Clock
from common.jobs.async_engine import AsyncHandler
from common.jobs.job import Policy
from common.jobs.queue import JobQueue

_log = logging_setup.get("escalation")
ACTOR = "system:escalation"
MOST_AT_ONCE = 200
MOST_ROUNDS = 10
"""Of `MOST_AT_ONCE` in a turn: a storm of alerts does not keep the queue from being sent."""


@dataclass
class EscalationJobs:
    """An `aggregator.jobs.job_runner.JobSource` that does its work while it plans: each step is one short transaction.

    Args:
        service: The configurations, and what they are read from.
        queue: Of the store's writer.
        clock: Wall clock.
        new_id: Makes a UUIDv7.
        holidays: Public holidays.
    """

    service: EscalationService
    queue: WriteJobs[EscalationWriter]
    clock: Clock
    new_id: Callable[[], str]
    holidays: Holidays

    @property
    def kinds(self) -> Mapping[str, tuple[Policy, AsyncHandler]]:
        """None."""
        return {}

    async def plan(self, queue: JobQueue) -> None:  # noqa: ARG002 — it makes no jobs
        """Start timers and take what is due.

        Raises:
            StoreError: The store cannot be reached; the next turn tries again.
        """
        current = await asyncio.to_thread(self.service.current)
        if not current:
            return
        people = People(self.service.reader, self.service.areas)
        for _ in range(MOST_ROUNDS):
            started = await self._start(current)
            taken = await self._take(current, people)
            if max(started, taken) < MOST_AT_ONCE:
                return

    async def _start(self, current: Mapping[str, SiteEscalation]) -> int:
        sites = sorted(current)
        new = await asyncio.to_thread(self.service.reader.untimed_alerts, sites, MOST_AT_ONCE)
        if new:
            timers = [self._timer(alert, current[alert.site]) for alert in new]
            versions = {site: it.version for site, it in current.items()}
            await self.queue.write(lambda store: store.start_timers(timers, versions))
        return len(new)

    def _timer(self, alert: AlertFacts, site: SiteEscalation) -> Timer:
        """A new timer; where the alert has no step, one that has ended, so that the alert is not looked at again."""
        now_ns = self.clock.wall_ns()
        return Timer(
            alert=alert.id, id=self.new_id(), site=alert.site, place=alert.place, started_ns=now_ns, due_ns=now_ns,
            state="waiting" if self._steps(site, alert) else "done",
        )  # fmt: skip

    def _steps(self, site: SiteEscalation, alert: AlertFacts) -> list[Step]:
        areas = self.service.areas.get((alert.site, alert.place), frozenset())
        return steps_at(site.config, areas, alert.severity)

    async def _take(self, current: Mapping[str, SiteEscalation], people: People) -> int:
        due = await asyncio.to_thread(self.service.reader.due_timers, self.clock.wall_ns(), MOST_AT_ONCE)
        if due:
            effects = await asyncio.to_thread(
                lambda: [self._effect(it, alert, current.get(alert.site), people) for it, alert in due]
            )
            await self.queue.write(lambda store: store.take_steps(effects))
        return len(due)

    def _effect(self, timer: Timer, alert: AlertFacts, site: SiteEscalation | None, people: People) -> StepEffect:
        now_ns = self.clock.wall_ns()
        every = self._steps(site, alert) if site is not None else []
        place = timer.step
        if timer.asked:
            place = min(place, len(every) - 1)  # after the last level it is the last one again
        if site is None or not 0 <= place < len(every):  # the configuration has become shorter
            after = msgspec.structs.replace(timer, state="done", step=timer.step + 1, asked=0)
            return self._whole(timer, after, "", {"problem": "no step is left"}, ())
        found, whom = self._chosen(site, every[place:], bool(timer.asked), (alert, people, now_ns))
        step = every[place + found]
        targets = self.service.reader.notification_targets(whom.users, now_ns)
        if not targets and not whom.skipped and not whom.fallback:
            whom = Recipients(people.supervisors(alert.site, alert.place), fallback=True)
            targets = self.service.reader.notification_targets(whom.users, now_ns)
        detail = _detail(whom, targets)
        if not targets and not whom.skipped:
            _log.warning("escalation step notified nobody", alert=alert.id, level=step.level.name, step=step.number)
        wait_ns = step.wait_ns if targets else 0  # nobody can answer: the next level is due at once
        last = place + found == len(every) - 1
        after = msgspec.structs.replace(
            timer, step=timer.step + found + 1, due_ns=now_ns + wait_ns, state="done" if last else "waiting", asked=0
        )
        entries = tuple(self._notification(timer, step, alert, it, now_ns) for it in targets)
        return self._whole(timer, after, step.level.name, detail, entries)

    def _chosen(
        self, site: SiteEscalation, left: list[Step], asked: bool, about: tuple[AlertFacts, People, int]
    ) -> tuple[int, Recipients]:
        """Which of the steps is taken, and whom it notifies.

        Where a person asked for help, it is the first one whose level is within its hours, or the supervisors.
        """
        alert, people, _ = about
        for number, step in enumerate(left if asked else left[:1]):
            whom = self._recipients(site, step, *about)
            if not (asked and whom.skipped):
                return number, whom
        return len(left) - 1, Recipients(people.supervisors(alert.site, alert.place), fallback=True)

    def _whole(
        self, before: Timer, after: Timer, level: str, detail: dict[str, object], entries: tuple[Notification, ...]
    ) -> StepEffect:
        """The step's row and the entry of the alert's history."""
        now_ns = self.clock.wall_ns()
        text = detail_text(detail | {"level": level, "step": before.step + 1})
        history = HistoryEntry(
            id=self.new_id(), alert=before.alert, time_ns=now_ns, actor=ACTOR, via="system", action="escalated",
            detail=text,
        )  # fmt: skip
        return StepEffect(before, after, _taken(before, now_ns, level, detail), entries, history)

    def _recipients(
        self, site: SiteEscalation, step: Step, alert: AlertFacts, people: People, now_ns: int
    ) -> Recipients:
        around = Surroundings(
            self.service.zone(alert.site), self.holidays, people.knows(alert.site, alert.place),
            people.supervisors(alert.site, alert.place),
        )  # fmt: skip
        return recipients(site.config, step.level, now_ns, around)

    def _notification(self, timer: Timer, step: Step, alert: AlertFacts, target: Target, now_ns: int) -> Notification:
        return Notification(
            id=self.new_id(), effect=f"{timer.id}/{timer.step}/{target.id}", alert=alert.id, site=alert.site,
            place=alert.place, recipient=target.user, target=target.id, channel=target.channel, level=step.level.name,
            made_ns=now_ns, next_ns=now_ns, expires_ns=now_ns + round(LIFE_S * SECOND_NS),
        )  # fmt: skip


def _taken(timer: Timer, now_ns: int, level: str, detail: Mapping[str, object]) -> TakenStep:
    return TakenStep(
        timer=timer.id, step=timer.step, alert=timer.alert, due_ns=timer.due_ns, time_ns=now_ns, level=level,
        detail=msgspec.json.encode(detail).decode(),
    )  # fmt: skip


def _detail(whom: Recipients, targets: list[Target]) -> dict[str, object]:
    """A step in the alert's history."""
    detail: dict[str, object] = {"users": list(whom.users)[:50], "targets": len(targets)}
    if whom.skipped:
        detail["problem"] = "outside of the level's hours"
    elif not targets:
        detail["problem"] = "nobody has a notification target"
    elif whom.fallback:
        detail["problem"] = "nobody was on call: the supervisors were notified"
    return detail
