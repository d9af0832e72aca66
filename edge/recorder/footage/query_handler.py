"""Answers the aggregator's footage queries: recorded ranges of a camera, and single redacted pictures."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import cast

import av
from av.container import InputContainer

from common.clock import SECOND_NS, Clock
from common.errors import FootageError
from edge.media.orientation import shown
from edge.recorder.factory import FootageStore
from edge.recorder.footage.playback import LONGEST_RANGE_NS
from edge.redaction.snapshots import SnapshotRedactor
from edge.redaction.stills import redacted_still
from edge.video.decoder import picture_of
from edge.video.inference import SizedDetector
from pipelines.types import Picture
from protocol.commands import Command, RecordedRanges, Reply, Span

JOIN_NS = round(1.5 * SECOND_NS)
"""Segments this close together are one range."""
MOST_SPANS = 2_000
STILL_WINDOW_NS = 5 * SECOND_NS
"""A query for a time without a picture gets the next one within this time."""


class FootageQueryHandler:
    """Answers `footage-spans` and `footage-still`.

    Args:
        store: The footage.
        redactor: Redacts every picture.
        objects: Detects persons, whose heads are masked even without a detected face.
        clock: Decides which holds have ended.
    """

    def __init__(self, store: FootageStore, redactor: SnapshotRedactor, objects: SizedDetector, clock: Clock) -> None:
        self._store, self._redactor, self._objects, self._clock = store, redactor, objects, clock

    def spans(self, command: Command) -> Reply:
        """Recorded ranges, gaps and holds in a range.

        Raises:
            FootageError: Unknown camera, or invalid range.
        """
        camera, from_ns, to_ns = command.target, command.from_ns, command.to_ns
        if not from_ns < to_ns <= from_ns + 2 * LONGEST_RANGE_NS:
            raise FootageError("ask for a range of at most two days, its end after its start", sentence="footage.range")
        known = self._store.index.cameras()
        if camera not in known:
            raise FootageError(
                f"camera '{camera}' never recorded; known: {', '.join(known) or 'none'}", sentence="footage.never"
            )
        recorded = recorded_ranges(self._store, camera, (from_ns, to_ns), self._clock.wall_ns())
        return Reply(id=command.id, done=True, kept=recorded)

    def still(self, command: Command) -> Reply:
        """The redacted picture at a time.

        Raises:
            FootageError: There is no footage of it.
            RedactionError: It cannot be redacted; no picture is returned.
        """
        picture = self._picture(command.target, command.from_ns)
        jpeg = redacted_still(picture, self._redactor, self._objects)
        return Reply(id=command.id, done=True, picture=jpeg)

    def _picture(self, camera: str, at_ns: int) -> Picture:
        """The first picture at or after a time, H x W x 3 uint8 BGR."""
        player = self._store.player
        begins_ns = player.begins_ns(camera, at_ns, at_ns + STILL_WINDOW_NS)
        data = b"".join(player.play(camera, at_ns, at_ns + STILL_WINDOW_NS))
        skip_s = max(0, at_ns - begins_ns) / SECOND_NS  # playback starts at the key frame before the time
        try:
            last = first_picture(data, skip_s)
        except av.error.FFmpegError as error:
            raise FootageError(f"the footage at this time cannot be decoded: {error}") from error
        if last is None:
            raise FootageError("there is no picture at this time", sentence="footage.no_picture")
        return last


def first_picture(data: bytes, skip_s: float) -> Picture | None:
    """The first picture of a movie from a time on, else its last; upright, with square pixels; None without one.

    Args:
        data: The movie.
        skip_s: Seconds from its start.
    """
    last: av.VideoFrame | None = None
    with cast(InputContainer, av.open(io.BytesIO(data))) as container:
        for last in container.decode(video=0):
            if last.time is not None and last.time >= skip_s:
                break
        aspect = container.streams.video[0].sample_aspect_ratio
        return None if last is None else picture_of(shown(last, aspect))


def recorded_ranges(store: FootageStore, camera: str, span: tuple[int, int], now_ns: int) -> RecordedRanges:
    """Recorded ranges, gaps and holds of a camera in a range of wall-clock time, nanoseconds.

    Raises:
        FootageError: Index or disk failed.
    """
    from_ns, to_ns = span
    holds = [it for it in store.holds.all()[0] if it.covers(camera, from_ns, to_ns, now_ns)]
    ranges = ((max(row.start_ns, from_ns), min(row.end_ns, to_ns)) for row in store.index.find(camera, from_ns, to_ns))
    return RecordedRanges(
        spans=merge_spans(ranges)[:MOST_SPANS],
        gaps=tuple(Span(it.from_ns, it.to_ns, it.cause) for it in store.index.gaps(camera, from_ns, to_ns))[
            :MOST_SPANS
        ],
        holds=tuple(Span(it.from_ns, it.to_ns, it.case) for it in holds)[:MOST_SPANS],
    )


def merge_spans(stretches: Iterable[tuple[int, int]]) -> tuple[Span, ...]:
    """Merge ranges that touch.

    >>> merge_spans([(0, 10), (10, 20)])
    (Span(from_ns=0, to_ns=20, about=''),)
    """
    merged: list[Span] = []
    for from_ns, to_ns in sorted(stretches):
        if merged and from_ns - merged[-1].to_ns <= JOIN_NS:
            merged[-1] = Span(merged[-1].from_ns, max(merged[-1].to_ns, to_ns))
        else:
            merged.append(Span(from_ns, to_ns))
    return tuple(merged)
