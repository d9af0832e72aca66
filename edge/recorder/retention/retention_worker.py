"""Enforces the retention policies: executes `retention.plan`, stops cameras at a full disk, warns in advance."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from common import logging_setup
from common.clock import SECOND_NS, Clock
from common.errors import FootageError, FootageRefused, OutboxError
from common.running.periodic import run_periodically
from edge.recorder.box_events import BoxEvents
from edge.recorder.disk import Disk
from edge.recorder.footage import transactional_outbox
from edge.recorder.index import DayUse, Index
from edge.recorder.retention import retention
from edge.recorder.retention.keys import DayKeyStore
from edge.recorder.retention.legal_holds import Hold, Holds
from edge.recorder.retention.retention import Erasure, Plan, Policy, Space, TrustedClock
from edge.recorder.segments.segment import DAY_NS, FOOTAGE, SUFFIX
from edge.recorder.segments.writer import Writer
from edge.recorder.startup_recovery import delete_marked_files, same_disk
from protocol.envelope import UnsequencedEvent
from protocol.event_types import DiskFull, FootageAtRisk, FootageErased
from protocol.identifiers import to_rfc3339

CHECK_S = 10.0
SWEEP_NS = 600 * SECOND_NS


def measured_rates(days: list[DayUse], now_ns: int) -> dict[str, float]:
    """Camera → bytes a day, from the footage of today and yesterday."""
    today = now_ns // DAY_NS
    rates: dict[str, float] = {}
    for camera in {use.camera for use in days}:
        recent = [use for use in days if use.camera == camera and today - 1 <= use.day <= today]
        if recent:
            spent_ns = max(3600 * SECOND_NS, max(it.last_ns for it in recent) - min(it.first_ns for it in recent))
            rates[camera] = sum(it.bytes for it in recent) * DAY_NS / spent_ns
    return rates


@dataclass(frozen=True)
class RetainedFootage:
    """Stored footage and what holds it.

    Attributes:
        disk: Its disk.
        keys: Day keys.
        index: Segment index.
        holds: Legal holds.
    """

    disk: Disk
    keys: DayKeyStore
    index: Index
    holds: Holds


@dataclass(frozen=True)
class RetentionRules:
    """How long footage stays.

    Attributes:
        policies: Camera → policy.
        reserve_bytes: Bytes that must stay free.
    """

    policies: Mapping[str, Policy]
    reserve_bytes: int


@dataclass
class RetentionWorker:
    """Executes the retention policies.

    Args:
        footage: What is erased.
        writer: Stops cameras.
        rules: The policies.
        clock: Wall and monotonic.
        events: Sends events.
    """

    footage: RetainedFootage
    writer: Writer
    rules: RetentionRules
    clock: Clock
    events: BoxEvents

    def __post_init__(self) -> None:
        known = int(self.footage.index.fact("believed_ns") or self.clock.wall_ns())
        self._trust = TrustedClock(known, self.clock.monotonic_ns())
        self._last_sweep_ns: int | None = None
        self._warned_day = -1

    def run(self, stop: threading.Event) -> None:
        """Check every ten seconds until `stop` is set."""
        run_periodically(self._run_once, CHECK_S, stop.wait, "retention")

    def _run_once(self) -> None:
        self.send_events()
        self.check()
        self.send_events()

    def send_events(self) -> None:
        """Send the pending events of this or another process; those that the outbox rejects stay pending.

        Raises:
            FootageError: The index failed.
        """
        try:
            transactional_outbox.drain(self.footage.index, self.events.commit)
        except OutboxError as error:
            logging_setup.get("recorder").warning("events stay pending: outbox failed", error=str(error))

    def check(self) -> None:
        """One check: a sweep when one is due or space is short.

        Raises:
            FootageError: Disk or index failed; the next check retries.
        """
        if not self.writer.ready or not same_disk(self.footage.disk, self.footage.index):
            return
        mono_ns = self.clock.monotonic_ns()
        self._trust = retention.update_trusted_clock(self._trust, self.clock.wall_ns(), mono_ns)
        short = self.footage.disk.free_bytes() < self.rules.reserve_bytes
        if short or self._last_sweep_ns is None or mono_ns - self._last_sweep_ns >= SWEEP_NS:
            self._last_sweep_ns = mono_ns
            self.sweep(self._trust.wall_ns)

    def sweep(self, now_ns: int) -> Plan:
        """Erase what the plan names, then stop or restart cameras by the free space."""
        self.footage.index.set_fact("believed_ns", str(now_ns))
        delete_marked_files(self.footage.disk, self.footage.index)
        transactional_outbox.announce(self.footage.index, self.footage.holds.all()[0], now_ns)
        for hold in self.footage.holds.drop_ended(now_ns):
            logging_setup.get("recorder").info("a hold ended", hold=hold.id, case=hold.case, camera=hold.camera)
        holds, days = self.footage.holds.all()[0], self.footage.index.days()
        space = Space(self.footage.disk.free_bytes(), self.rules.reserve_bytes)
        sweep_plan = retention.plan(days, self.rules.policies, holds, space, now_ns)
        for erasure in sweep_plan.erase:
            self._erase(erasure, holds, now_ns)
        self._adjust_cameras(sweep_plan.short)
        self._warn(self.footage.index.days(), Space(self.footage.disk.free_bytes(), self.rules.reserve_bytes), now_ns)
        self.send_events()
        return sweep_plan

    def erase(self, camera: str, day: int, cause: str) -> DayUse:
        """Erase one day now.

        Raises:
            FootageRefused: It is inside its minimum retention, or a legal hold covers a part of it.
            FootageError: There is no footage of it.
        """
        now_ns = self._trust.wall_ns
        matching = [use for use in self.footage.index.days() if (use.camera, use.day) == (camera, day)]
        if not matching:
            raise FootageError(f"camera '{camera}' has no footage of that day")
        floor = self.rules.policies.get(camera, Policy()).floor_days
        if retention.age_days(day, now_ns) < floor:
            raise FootageRefused(f"that day is inside its floor of {floor} days; nothing is erased before")
        if retention.held(matching[0], self.footage.holds.all()[0], now_ns):
            raise FootageRefused("a hold keeps some of that day; it goes when the hold has ended")
        self._erase_whole(matching[0], cause, now_ns)
        return matching[0]

    def _erase(self, erasure: Erasure, holds: list[Hold], now_ns: int) -> None:
        if erasure.is_whole_day:
            self._erase_whole(erasure.use, erasure.cause, now_ns)
            return
        use = erasure.use
        unheld_rows = [
            row
            for row in self.footage.index.rows(use.camera, use.day)
            if not any(hold.covers(row.camera, row.start_ns, row.end_ns, now_ns) for hold in holds)
        ]
        if unheld_rows:
            erased = DayUse(
                use.camera, use.day, sum(row.bytes for row in unheld_rows), len(unheld_rows), use.first_ns, use.last_ns
            )
            with self.footage.index.transaction():
                self.footage.index.discard(unheld_rows, None)
                self._log_erasure(erased, "ceiling, but for what is held", now_ns)
            delete_marked_files(self.footage.disk, self.footage.index)

    def _erase_whole(self, use: DayUse, cause: str, now_ns: int) -> None:
        """Destroy the key first, then the files, also those without an index row."""
        with self.footage.index.transaction():
            self.footage.index.discard(self.footage.index.rows(use.camera, use.day), (use.camera, use.day))
            self._log_erasure(use, cause, now_ns)
        self.footage.keys.destroy(use.camera, use.day)
        delete_marked_files(self.footage.disk, self.footage.index)
        folder = f"{FOOTAGE}/cam-{use.camera}/{use.day}"
        remaining = [path for path in self.footage.disk.walk(folder) if path.endswith(SUFFIX)]
        for path in remaining:
            self.footage.disk.unlink(path)
        if remaining:
            self.footage.disk.sync_folder(folder)

    def _log_erasure(self, use: DayUse, cause: str, now_ns: int) -> None:
        self.footage.index.note_erased(use, now_ns, cause)
        data = FootageErased(from_=to_rfc3339(use.first_ns), to=to_rfc3339(use.last_ns), cause=cause)
        transactional_outbox.enqueue(self.footage.index, UnsequencedEvent(use.camera, data, now_ns))

    def _adjust_cameras(self, short: bool) -> None:
        """At a full disk stop the newest camera of the lowest priority, and the next as the reserve shrinks.

        A camera restarts when there is space again.
        """
        stopped, free = self.writer.stopped, self.footage.disk.free_bytes()
        running = [camera for camera in self.rules.policies if camera not in stopped]
        if short:
            camera = retention.camera_to_stop(running, self.rules.policies)
            if camera is None or free >= self.rules.reserve_bytes * len(running) / len(self.rules.policies):
                return
            self.writer.stopped = stopped | {camera}
            text = f"the disk is full; camera '{camera}' is not recorded, nothing inside its floor is erased"
            self.events.send(UnsequencedEvent(self.events.box, DiskFull(cause=text), self.clock.wall_ns()))
        elif stopped and free >= 2 * self.rules.reserve_bytes:
            back = max(stopped, key=lambda it: (self._policy(it).priority, -self._policy(it).order))
            self.writer.stopped = stopped - {back}

    def _policy(self, camera: str) -> Policy:
        return self.rules.policies.get(camera, Policy())

    def _warn(self, days: list[DayUse], space: Space, now_ns: int) -> None:
        """Warn once a day while the disk cannot hold the minimum retention."""
        result = retention.forecast(days, measured_rates(days, now_ns), self.rules.policies, space, now_ns)
        if result.days is None or self._warned_day == now_ns // DAY_NS:
            return
        self._warned_day = now_ns // DAY_NS
        cause = (
            f"at today's bit rates the disk is full in {result.days:.1f} days, before the floor; "
            f"{result.missing_bytes / 1e9:.1f} GB more would help, or a floor of {result.floor_days} days"
        )
        until_ns = now_ns + round(result.days * DAY_NS)
        data = FootageAtRisk(from_=to_rfc3339(now_ns), to=to_rfc3339(until_ns), cause=cause)
        self.events.send(UnsequencedEvent(self.events.box, data, now_ns))
