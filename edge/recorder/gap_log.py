"""The gap log: every gap over a second, with its cause, as a row and as an event."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from common.clock import SECOND_NS
from edge.recorder.index import Gap, Index, Segment
from edge.recorder.segments.timeline import GAP_NS
from protocol.envelope import UnsequencedEvent
from protocol.event_types import FootageGap
from protocol.identifiers import to_rfc3339

CAMERA_LOST, DISK_FULL, DISK_CHANGED, DISK_FAILED = "camera lost", "disk full", "disk changed", "disk failed"
BOX_DOWN, LATE_WRITER, CLOCK_STEP, STOPPED = "box down", "late writer", "clock step", "stopped for want of space"
NOT_OVER = "no footage since; the camera, its disk or the box is down"
OPEN_NS = 15 * SECOND_NS
"""Without footage for this long a camera has an open gap; a fragment is a second, a segment is closed after five."""
BROKEN_STREAM, FILE_MISSING = "stream cannot be recorded", "file missing"
CAUSES = (
    *(CAMERA_LOST, DISK_FULL, DISK_CHANGED, DISK_FAILED, BOX_DOWN, LATE_WRITER, CLOCK_STEP, STOPPED),
    *(BROKEN_STREAM, FILE_MISSING),
)
DISK_CAUSES = {"full": DISK_FULL, "changed": DISK_CHANGED, "failed": DISK_FAILED}
"""`DiskTrouble.cause` → cause in the gap log."""


class GapLog:
    """Stores gaps and reports them as events.

    Args:
        index: Stores the gaps.
        send: Sends events.
    """

    def __init__(self, index: Index, send: Callable[[UnsequencedEvent], None]) -> None:
        self._index, self._send = index, send

    def log_gap(self, camera: str, from_ns: int, to_ns: int, missing_ns: int, cause: str) -> None:
        """Log a gap; up to a second is ignored.

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
        self._send(UnsequencedEvent(camera, data, max(from_ns, to_ns)))


def total_s(gaps: Sequence[Gap]) -> float:
    """Total seconds of missing footage; a clock step does not count."""
    return sum(gap.seconds for gap in gaps if gap.cause != CLOCK_STEP)


def open_gaps(index: Index, end_of: Callable[[Segment], int], now_ns: int) -> list[Gap]:
    """Open gaps: cameras that have recorded and currently do not.

    Args:
        index: The footage's index.
        end_of: Wall clock at the end of a segment's footage; called for the last one, which may be unfinished.
        now_ns: Wall clock.
    """
    gaps = []
    for camera in index.cameras():
        last = index.last(camera)
        if last is None:
            continue
        end_ns = last.end_ns if last.finished else end_of(last)
        if now_ns - end_ns > OPEN_NS:
            gaps.append(Gap(camera, end_ns, now_ns, (now_ns - end_ns) / SECOND_NS, NOT_OVER))
    return gaps
