"""Keeps to floor and ceiling: does what `retention.plan` says, stops cameras at a full disk, warns ahead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from common import logging_setup
from common.clock import SECOND_NS, Clock
from common.errors import FootageError, FootageRefused, OutboxError
from common.periodic import run_periodically
from edge.recorder.disk import Disk
from edge.recorder.footage import transactional_outbox
from edge.recorder.index import DayUse, Index
from edge.recorder.retention import retention
from edge.recorder.retention.keys import Keys
from edge.recorder.retention.legal_holds import Hold, Holds
from edge.recorder.retention.retention import Erasure, Plan, Policy, Space, TrustedClock
from edge.recorder.segments.segment import DAY_NS, FOOTAGE, SUFFIX
from edge.recorder.segments.writer import Writer
from edge.recorder.startup_recovery import empty_garbage, same_disk
from protocol.envelope import UnsequencedEvent
from protocol.event_types import DiskFull, FootageAtRisk, FootageErased
from protocol.identifiers import to_rfc3339

LOOK_S = 10.0
SWEEP_NS = 600 * SECOND_NS


def measured_rates(days: list[DayUse], now_ns: int) -> dict[str, float]:
    """Camera → bytes a day, from what it wrote today and yesterday."""
    today = now_ns // DAY_NS
    found: dict[str, float] = {}
    for camera in {use.camera for use in days}:
        recent = [use for use in days if use.camera == camera and today - 1 <= use.day <= today]
        if recent:
            spent_ns = max(3600 * SECOND_NS, max(it.last_ns for it in recent) - min(it.first_ns for it in recent))
            found[camera] = sum(it.bytes for it in recent) * DAY_NS / spent_ns
    return found


@dataclass
class RetentionWorker:
    """The executor.

    Args:
        disk: The footage's.
        keys: Of the days.
        index: Of the segments.
        holds: What must stay.
        writer: Stops cameras when told.
        policies: Camera → policy.
        reserve_bytes: What must stay free.
        clock: Wall and monotonic.
        send: Takes drafts.
        box: The box's id.
        put: Takes drafts and returns once they are safe; raises OutboxError otherwise. None: `send`.
    """

    disk: Disk
    keys: Keys
    index: Index
    holds: Holds
    writer: Writer
    policies: Mapping[str, Policy]
    reserve_bytes: int
    clock: Clock
    send: Callable[[UnsequencedEvent], None]
    box: str
    put: Callable[[UnsequencedEvent], None] | None = None

    def __post_init__(self) -> None:
        known = int(self.index.fact("believed_ns") or self.clock.wall_ns())
        self._trust = TrustedClock(known, self.clock.monotonic_ns())
        self._swept_ns: int | None = None
        self._warned_day = -1

    def run(self, stop: threading.Event) -> None:
        """Look every ten seconds until `stop` is set."""
        run_periodically(self._run_once, LOOK_S, stop.wait, "retention")

    def _run_once(self) -> None:
        self.tell()
        self.look()
        self.tell()

    def tell(self) -> None:
        """Hand over what this process or another has left to be told; what the outbox does not take is kept.

        Raises:
            FootageError: The index failed.
        """
        try:
            transactional_outbox.drain(self.index, self.put or self.send)
        except OutboxError as error:
            logging_setup.get("recorder").warning("notices wait for the outbox", error=str(error))

    def look(self) -> None:
        """One look: a sweep when one is due or space is short.

        Raises:
            FootageError: Disk or index failed; the next look tries again.
        """
        if not self.writer.ready or not same_disk(self.disk, self.index):
            return
        mono_ns = self.clock.monotonic_ns()
        self._trust = retention.update_trusted_clock(self._trust, self.clock.wall_ns(), mono_ns)
        short = self.disk.free_bytes() < self.reserve_bytes
        if short or self._swept_ns is None or mono_ns - self._swept_ns >= SWEEP_NS:
            self._swept_ns = mono_ns
            self.sweep(self._trust.wall_ns)

    def sweep(self, now_ns: int) -> Plan:
        """Erase what must and may go, then see to the space."""
        self.index.set_fact("believed_ns", str(now_ns))
        empty_garbage(self.disk, self.index)
        transactional_outbox.announce(self.index, self.holds.all()[0], now_ns)
        for hold in self.holds.drop_ended(now_ns):
            logging_setup.get("recorder").info("a hold ended", hold=hold.id, case=hold.case, camera=hold.camera)
        holds, days = self.holds.all()[0], self.index.days()
        space = Space(self.disk.free_bytes(), self.reserve_bytes)
        made = retention.plan(days, self.policies, holds, space, now_ns)
        for erasure in made.erase:
            self._erase(erasure, holds, now_ns)
        self._fit(made.short)
        self._warn(self.index.days(), Space(self.disk.free_bytes(), self.reserve_bytes), now_ns)
        self.tell()
        return made

    def erase(self, camera: str, day: int, cause: str) -> DayUse:
        """Erase one day now.

        Raises:
            FootageRefused: It is inside its floor, or a hold keeps some of it.
            FootageError: There is nothing of it.
        """
        now_ns = self._trust.wall_ns
        found = [use for use in self.index.days() if (use.camera, use.day) == (camera, day)]
        if not found:
            raise FootageError(f"camera '{camera}' has no footage of that day")
        floor = self.policies.get(camera, Policy()).floor_days
        if retention.age_days(day, now_ns) < floor:
            raise FootageRefused(f"that day is inside its floor of {floor} days; nothing is erased before")
        if retention.held(found[0], self.holds.all()[0], now_ns):
            raise FootageRefused("a hold keeps some of that day; it goes when the hold has ended")
        self._erase_whole(found[0], cause, now_ns)
        return found[0]

    def _erase(self, erasure: Erasure, holds: list[Hold], now_ns: int) -> None:
        if erasure.whole:
            self._erase_whole(erasure.use, erasure.cause, now_ns)
            return
        use = erasure.use
        loose = [
            row
            for row in self.index.rows(use.camera, use.day)
            if not any(hold.covers(row.camera, row.start_ns, row.end_ns, now_ns) for hold in holds)
        ]
        if loose:
            gone = DayUse(use.camera, use.day, sum(row.bytes for row in loose), len(loose), use.first_ns, use.last_ns)
            with self.index.transaction():
                self.index.discard(loose, None)
                self._note(gone, "ceiling, but for what is held", now_ns)
            empty_garbage(self.disk, self.index)

    def _erase_whole(self, use: DayUse, cause: str, now_ns: int) -> None:
        """The key first, then the files, also those that no row names."""
        with self.index.transaction():
            self.index.discard(self.index.rows(use.camera, use.day), (use.camera, use.day))
            self._note(use, cause, now_ns)
        self.keys.destroy(use.camera, use.day)
        empty_garbage(self.disk, self.index)
        folder = f"{FOOTAGE}/cam-{use.camera}/{use.day}"
        left = [path for path in self.disk.walk(folder) if path.endswith(SUFFIX)]
        for path in left:
            self.disk.unlink(path)
        if left:
            self.disk.sync_folder(folder)

    def _note(self, use: DayUse, cause: str, now_ns: int) -> None:
        self.index.note_erased(use, now_ns, cause)
        data = FootageErased(from_=to_rfc3339(use.first_ns), to=to_rfc3339(use.last_ns), cause=cause)
        transactional_outbox.enqueue(self.index, UnsequencedEvent(use.camera, data, now_ns))

    def _fit(self, short: bool) -> None:
        """At a full disk the newest camera of the lowest priority stops, and the next as the rest of the reserve goes.

        One comes back when there is room again.
        """
        stopped, free = self.writer.stopped, self.disk.free_bytes()
        running = [camera for camera in self.policies if camera not in stopped]
        if short:
            camera = retention.camera_to_stop(running, self.policies)
            if camera is None or free >= self.reserve_bytes * len(running) / len(self.policies):
                return
            self.writer.stopped = stopped | {camera}
            text = f"the disk is full; camera '{camera}' is not recorded, nothing inside its floor is erased"
            self.send(UnsequencedEvent(self.box, DiskFull(cause=text), self.clock.wall_ns()))
        elif stopped and free >= 2 * self.reserve_bytes:
            back = max(stopped, key=lambda it: (self._policy(it).priority, -self._policy(it).order))
            self.writer.stopped = stopped - {back}

    def _policy(self, camera: str) -> Policy:
        return self.policies.get(camera, Policy())

    def _warn(self, days: list[DayUse], space: Space, now_ns: int) -> None:
        """Once a day while the disk will not hold the floor."""
        told = retention.forecast(days, measured_rates(days, now_ns), self.policies, space, now_ns)
        if told.days is None or self._warned_day == now_ns // DAY_NS:
            return
        self._warned_day = now_ns // DAY_NS
        cause = (
            f"at today's bit rates the disk is full in {told.days:.1f} days, before the floor; "
            f"{told.missing_bytes / 1e9:.1f} GB more would help, or a floor of {told.floor_days} days"
        )
        until_ns = now_ns + round(told.days * DAY_NS)
        data = FootageAtRisk(from_=to_rfc3339(now_ns), to=to_rfc3339(until_ns), cause=cause)
        self.send(UnsequencedEvent(self.box, data, now_ns))
