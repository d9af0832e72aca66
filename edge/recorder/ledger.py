"""The ledger of what is missing: every gap over a second, with its cause, as a row and as an event."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from common.clock import SECOND_NS
from edge.recorder.index import Gap, Index
from edge.recorder.timeline import GAP_NS
from events.envelope import Draft
from events.identifiers import to_rfc3339
from events.kinds import FootageGap

CAMERA_LOST, DISK_FULL, DISK_CHANGED, DISK_FAILED = "camera lost", "disk full", "disk changed", "disk failed"
BOX_DOWN, LATE_WRITER, CLOCK_STEP, STOPPED = "box down", "late writer", "clock step", "stopped for want of space"
BROKEN_STREAM, FILE_MISSING = "stream cannot be recorded", "file missing"
CAUSES = (
    *(CAMERA_LOST, DISK_FULL, DISK_CHANGED, DISK_FAILED, BOX_DOWN, LATE_WRITER, CLOCK_STEP, STOPPED),
    *(BROKEN_STREAM, FILE_MISSING),
)
DISK_CAUSES = {"full": DISK_FULL, "changed": DISK_CHANGED, "failed": DISK_FAILED}
"""`DiskTrouble.cause` → the ledger's."""


class Ledger:
    """Writes gaps down.

    Args:
        index: Where they are kept.
        send: Takes drafts.
    """

    def __init__(self, index: Index, send: Callable[[Draft], None]) -> None:
        self._index, self._send = index, send

    def note(self, camera: str, from_ns: int, to_ns: int, missing_ns: int, cause: str) -> None:
        """A stretch is missing; up to a second is nothing.

        Args:
            camera: The camera's id.
            from_ns: Wall clock of the last footage.
            to_ns: Wall clock of the first footage after it.
            missing_ns: How long, by the monotonic clock where it ran on.
            cause: One of `CAUSES`.
        """
        if missing_ns <= GAP_NS:
            return
        self._index.note_gap(Gap(camera, from_ns, max(from_ns, to_ns), missing_ns / SECOND_NS, cause))
        data = FootageGap(from_=to_rfc3339(from_ns), to=to_rfc3339(max(from_ns, to_ns)), cause=cause)
        self._send(Draft(camera, data, max(from_ns, to_ns)))


def total_s(gaps: Sequence[Gap]) -> float:
    """Seconds that are missing in all; a step of the clock misses nothing."""
    return sum(gap.seconds for gap in gaps if gap.cause != CLOCK_STEP)
