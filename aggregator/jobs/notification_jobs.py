"""Sends what stands in the queue of notifications: a bounded number at the same time, one for each target.

Crash procedure: an attempt begins with a lease in the entry's row and ends with what came of it. Where the process
ends in between, the attempt is made again after the lease: a message may then come twice, never not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aggregator.domain.alerts.history import HistoryEntry, detail_text
from aggregator.domain.escalation.notification import LEASE_S, Attempt, Notification, after_attempt, expired
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.escalation import NotificationReader, NotificationWriter
from aggregator.notifications.circuit_breaker import CircuitBreaker
from aggregator.notifications.senders import SenderPool
from aggregator.services.monitoring.delivery import Delivery
from common import logging_setup
from common.clock import DAY_NS, SECOND_NS, Clock
from common.errors import JobQueueFull, PaifangError, StoreError
from common.jobs.async_engine import AsyncHandler
from common.jobs.job import Job, Policy
from common.jobs.queue import JobQueue

_log = logging_setup.get("notifications")
ACTOR, SEND = "system:notifications", "notification"
MOST_DUE = 500
KEEP_DAYS = 90
PURGE_EVERY_S = 3600.0


@dataclass
class NotificationJobs:
    """An `aggregator.jobs.job_runner.JobSource`.

    Args:
        reader: The queue.
        queue: Of the store's writer.
        delivery: Renders and sends one entry.
        pool: The sender processes.
        clock: Wall and monotonic.
        random: Uniform in [0, 1).
        new_id: Makes a UUIDv7.
    """

    reader: NotificationReader
    queue: WriteJobs[NotificationWriter]
    delivery: Delivery
    pool: SenderPool
    clock: Clock
    random: Callable[[], float]
    new_id: Callable[[], str]
    breaker: CircuitBreaker = field(init=False)
    _held: dict[str, Notification] = field(default_factory=dict, init=False)
    _purged_ns: int | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.breaker = CircuitBreaker(self.clock, slow=max(1, self.pool.most // 2))

    @property
    def kinds(self) -> Mapping[str, tuple[Policy, AsyncHandler]]:
        """Sending."""
        return {SEND: (Policy(parallel=self.pool.most, most_open=self.pool.most, life_s=600.0), self.send)}

    async def plan(self, queue: JobQueue) -> None:
        """Lease what is due, as far as a place is free, and submit it.

        Raises:
            StoreError: The store cannot be reached.
        """
        await self.pool.tend()
        await self._purge()
        free = self.pool.most - len(self._held)
        if free <= 0:
            return
        now_ns = self.clock.wall_ns()
        due = await asyncio.to_thread(self.reader.due_notifications, now_ns, MOST_DUE, self.breaker.closed())
        chosen = self._choose(due, free)
        if not chosen:
            return
        until_ns = now_ns + round(LEASE_S * SECOND_NS)
        taken: set[str] = set()
        try:
            taken = await self.queue.write(lambda store: store.lease_notifications(chosen, until_ns))
        finally:
            for it in chosen:
                if it.id not in taken or not self._submit(queue, it):
                    self.breaker.release(it.target, None)

    def _choose(self, due: list[Notification], free: int) -> list[Notification]:
        chosen: list[Notification] = []
        for it in due:
            if len(chosen) < free and self.breaker.take(it.target):
                chosen.append(it)
        return chosen

    def _submit(self, queue: JobQueue, it: Notification) -> bool:
        try:
            queue.submit(f"{SEND}/{it.id}/{it.tries}/{self.clock.wall_ns()}", SEND, it.id)
        except JobQueueFull:
            return False
        self._held[it.id] = it
        return True

    async def send(self, job: Job) -> None:
        """Make one attempt, and write what came of it."""
        before = self._held.get(job.key)
        if before is None:
            return
        good: bool | None = None
        try:
            now_ns = self.clock.wall_ns()
            if now_ns >= before.expires_ns:
                await self._end(before, expired(before, now_ns, before.problem), False)
                return
            attempt = await self.delivery.attempt(before)
            if attempt is None:
                await self.queue.write(lambda store: store.cancel_notification(before.id, now_ns))
                return
            good = attempt.sent
            await self._finish(before, attempt)
        except StoreError as error:  # the lease ends, and the attempt is made again
            _log.warning("attempt not written, will try again", notification=before.id, problem=str(error))
        except PaifangError as error:
            good = False
            await self._finish(before, Attempt(False, str(error), refused=True))
        finally:
            self._held.pop(job.key, None)
            self.breaker.release(before.target, good)

    async def _finish(self, before: Notification, attempt: Attempt) -> None:
        after = after_attempt(before, attempt, self.clock.wall_ns(), self.random())
        if after.state in ("dead", "expired"):
            _log.warning(
                "notification given up", notification=before.id, recipient=before.recipient, channel=before.channel,
                problem=after.problem,
            )  # fmt: skip
        await self._end(before, after, attempt.gone)

    async def _end(self, before: Notification, after: Notification, gone: bool) -> None:
        entries = [self._entry(after)] if after.alert and after.state != "waiting" else []
        await self.queue.write(lambda store: store.end_attempt(before, after, gone, entries))

    def _entry(self, it: Notification) -> HistoryEntry:
        """A delivery in the alert's history."""
        detail = {"to": it.recipient, "channel": it.channel, "level": it.level, "tries": it.tries}
        action = "notified" if it.state == "sent" else "notification_failed"
        text = detail_text(detail | ({"problem": it.problem} if it.problem else {}))
        return HistoryEntry(
            id=self.new_id(), alert=it.alert, time_ns=it.ended_ns, actor=ACTOR, via="system", action=action, detail=text
        )

    async def _purge(self) -> None:
        now_ns = self.clock.monotonic_ns()
        if self._purged_ns is not None and now_ns - self._purged_ns < PURGE_EVERY_S * SECOND_NS:
            return
        self._purged_ns = now_ns
        before_ns = self.clock.wall_ns() - KEEP_DAYS * DAY_NS
        await self.queue.write(lambda store: store.purge_notifications(before_ns, 2_000))
