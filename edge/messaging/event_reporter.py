"""From findings to events in the outbox: takes the picture on the way, in a thread of its own.

A finding waits for its picture for some tens of milliseconds at most: the queue is bounded, and when it is full, or
the redactor fails, the event goes without one. Events are never dropped here.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from common import logging_setup
from common.errors import OutboxError, RedactionError
from common.running.threads import Worker
from edge.redaction.snapshots import SnapshotRedactor, Subject
from edge.video.report import Passing, Report
from pipelines.findings import Finding
from protocol.envelope import UnsequencedEvent
from protocol.event_types import ZoneLeft

UNSEEN = frozenset({ZoneLeft})
"""Event types that open no alert and need no picture."""
MAX_UNSAVED = 5_000
"""Maximum number of events in memory while the disk fails."""
QUEUE_SIZE = 32
"""Findings that wait for their picture; more go without."""


class EventReporter:
    """Turns findings into events and puts them into the outbox.

    Args:
        put: The outbox's `put`.
        redactor: Takes the pictures.
    """

    def __init__(self, put: Callable[[list[UnsequencedEvent]], None], redactor: SnapshotRedactor) -> None:
        self._put, self._redactor = put, redactor
        self._queue: queue.Queue[Report | None] = queue.Queue(QUEUE_SIZE)
        self._log = logging_setup.get("reporter")
        self.without_picture = 0
        self.discarded = 0
        self.unsaved: list[UnsequencedEvent] = []
        self._lock = threading.Lock()
        self._thread = Worker(self._run, "reporter")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Send what waits, then end."""
        self._queue.put(None)
        self._thread.join()

    def report(self, report: Report) -> None:
        """Take findings; called from the cameras' and the detector's threads."""
        try:
            self._queue.put_nowait(report)
        except queue.Full:
            self.without_picture += len(report.findings)
            self.send([UnsequencedEvent(report.camera, finding.data, finding.time_ns) for finding in report.findings])

    def send(self, events: list[UnsequencedEvent]) -> None:
        """Put events into the outbox.

        Events that a full or broken disk rejects stay in memory, up to `MAX_UNSAVED`, and are stored first at the next
        call. Never raises. No lock is held while the outbox writes: concurrent threads share one commit.
        """
        with self._lock:
            waiting, self.unsaved = self.unsaved + events, []
        try:
            if waiting:
                self._put(waiting)
        except OutboxError as error:
            with self._lock:
                unsaved = waiting + self.unsaved
                self.discarded += max(0, len(unsaved) - MAX_UNSAVED)
                self.unsaved = unsaved[-MAX_UNSAVED:]
            self._log.error("events not stored", count=len(waiting), error=str(error))

    def retry(self) -> None:
        """Try again to store what the outbox did not take."""
        if self.unsaved:
            self.send([])

    def _run(self) -> None:
        while (report := self._queue.get()) is not None:
            pictures = self._pictures(report)
            self.send(
                [
                    UnsequencedEvent(report.camera, finding.data, finding.time_ns, picture)
                    for finding, picture in zip(report.findings, pictures, strict=True)
                ]
            )

    def _pictures(self, report: Report) -> list[bytes | None]:
        """A picture for each finding that needs one."""
        described = [finding for finding in report.findings if type(finding.data) not in UNSEEN]
        if not described:
            return [None] * len(report.findings)
        try:
            subjects = [_subject(finding) for finding in described]
            batch = self._redactor.snapshots(report.picture, subjects, report.persons, report.plates)
            pictures = dict(zip(map(id, described), batch, strict=True))
            return [pictures.get(id(finding)) for finding in report.findings]
        except RedactionError as error:
            self._log.warning("events without picture", camera=report.camera, error=str(error))
        except Exception:  # on an internal error the event has no picture
            self._log.exception("events without picture", camera=report.camera)
        self.without_picture += len(report.findings)
        return [None] * len(report.findings)


def _subject(finding: Finding | Passing) -> Subject | None:
    """What to outline: nothing where the thing was not seen in the picture."""
    if isinstance(finding, Passing):
        return Subject(finding.box, person=False)
    return None if finding.outline is None else Subject(finding.outline, finding.data.object == "person")
