"""A store with people who are on call, and the jobs that escalate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from agg_support import START_NS, run_apart
from escalation_kit import ENTRY, alert, target

from aggregator.domain.accounts.account import PutUser
from aggregator.domain.accounts.authorization import RoleAssignment
from aggregator.domain.alerts.history import HistoryEntry
from aggregator.domain.read_models import Batch
from aggregator.domain.store_port import Store, Writer
from aggregator.jobs.escalation_jobs import EscalationJobs
from aggregator.services.monitoring.escalation_service import EscalationService
from aggregator.services.monitoring.place_directory import PlaceDirectory
from aggregator.services.site_clock import SiteClock
from aggregator.settings.aggregator import Site
from aggregator.settings.escalation import Chain, Escalation, Level, Rota
from aggregator.storage.write_queue import WriteQueue
from common.clock import FakeClock
from common.jobs.queue import JobQueue, MemoryJobStore


def level(*notify: str, minutes: float = 5.0) -> Level:
    name = notify[0].partition(":")[2] or notify[0]
    return Level(notify=notify, name=name, minutes={"critical": minutes, "high": minutes})


CONFIG = Escalation(
    chains={
        "village": Chain(areas=("*",), levels=(level("user:village"), level("rota:town")), then="above"),
        "above": Chain(levels=(level("user:district", minutes=10), level("user:city", minutes=20)), repeat=1),
    },
    rotas={"town": Rota(people=("town",), start="2026-11-16T08:00")},
)
PEOPLE = ("village", "town", "district", "city")


class Desk:
    """A store with people, and the jobs that escalate."""

    def __init__(self, store: Store, writer: Writer, clock: FakeClock, config: Escalation | None) -> None:
        self.writer, self.clock, self.reader = writer, clock, store.reader()
        for number, name in enumerate((*PEOPLE, "boss"), 1):
            role = "supervisor" if name == "boss" else "monitor"
            grants = (RoleAssignment(role, "village"),)  # type: ignore[arg-type]
            writer.change_account(PutUser(name, "hash", START_NS, grants=grants), ENTRY)
            writer.put_target(target(number, user=name), 10, ENTRY)
        self.queue: WriteQueue[Any] = WriteQueue(writer)
        places = PlaceDirectory(self.reader, SiteClock({"village": Site(timezone="Asia/Shanghai")}, clock), {})
        service = EscalationService(self.reader, self.queue, {"village": config} if config else {}, places, {}, clock)
        numbers = iter(range(1, 1_000_000))
        self.new_id: Callable[[], str] = lambda: f"00000000-0000-7000-9000-{next(numbers):012d}"
        self.jobs = EscalationJobs(service, self.queue, clock, self.new_id, lambda *_: False)

    def turn(self, minutes: float = 0.0) -> None:
        """Let time go on, and plan once."""
        self.clock.advance(minutes * 60)

        async def work() -> None:
            planning = asyncio.create_task(
                self.jobs.plan(JobQueue(MemoryJobStore(), {}, self.clock, lambda: 1.0, remembered=0))
            )
            while not planning.done():
                await asyncio.to_thread(self.queue.serve)
                await asyncio.sleep(0)
            await planning

        run_apart(work())

    def put(self, number: int = 1, **fields: Any) -> None:
        self.writer.apply(Batch(alerts={"a": alert(number, **fields)}))

    def ask_for_help(self, number: int = 1, **fields: Any) -> None:
        """A person asks for help; the alert is unacknowledged again."""
        made = alert(number, **fields)
        entry = HistoryEntry(
            id=self.new_id(), alert=made.id, time_ns=self.clock.wall_ns(), actor="li", via="dashboard",
            action="escalation_requested",
        )  # fmt: skip
        self.writer.apply(Batch(alerts={"a": made}, history=[entry]))

    def notified(self, number: int = 1) -> list[str]:
        """Whom the steps of an alert have notified, in their order."""
        found = self.reader.taken_steps(alert(number).id)
        return [user for it in found for user in msgspec.json.decode(it.detail)["users"]]

    def sent(self) -> list[str]:
        """Whom notifications were queued for, in the order of their times."""
        found = self.reader.due_notifications(self.clock.wall_ns(), 1_000)
        return [it.recipient for it in sorted(found, key=lambda it: it.made_ns)]

    def waiting(self) -> set[str]:
        return {it.recipient for it in self.reader.due_notifications(self.clock.wall_ns(), 1_000)}
