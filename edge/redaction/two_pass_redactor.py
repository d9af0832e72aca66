"""A whole video, covered with knowledge of what comes next: two passes, the first some frames ahead of the second.

No frame is held for longer than it takes to search or to encode it, so memory does not grow with the length.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from common.errors import RedactionError
from edge.media.redaction_statistics import Counts, UsedModel
from edge.redaction.detection_plan import Cadence, Detectors, pace_of
from edge.redaction.encoder import FILE, FRAGMENTS, AudioPacket, Encoder, Writable
from edge.redaction.lookahead_detector import LookaheadDetector, Seen
from edge.redaction.mask_renderer import FrameFormat, RedactedFrame, black, known, paint
from edge.redaction.trim import Cut
from edge.redaction.video_reader import Opener, VideoFrame, VideoReader
from pipelines.masks.large_masks import GIANT
from pipelines.masks.temporal_mask_interpolation import Masks
from pipelines.types import Box

TIMEOUT_S = 30.0
THREADS = 2
MOST_SOUNDS = 10_000
"""Packets of sound that wait for the first picture; what is before it is left out anyway."""
Progress = Callable[[int, int], None]
"""Called with frames done and frames expected (0: not known)."""


@dataclass(frozen=True)
class Told:
    """More of a copy.

    Attributes:
        skip_s: Seconds of the original that are left out at its beginning.
        about: A text that the copy bears.
    """

    skip_s: Fraction = Fraction(0)
    about: str = ""


NOTHING = Told()


@dataclass
class ExportRedactor:
    """Covers whole videos.

    Args:
        finders: Search.
        random: Noise of the covers.
        models: What `finders` run; stands in manifests.
        timeout_s: How long a search may take.
        threads: Searches at a time.
    """

    finders: Detectors
    random: np.random.Generator
    models: tuple[UsedModel, ...] = ()
    timeout_s: float = TIMEOUT_S
    threads: int = THREADS

    @property
    def name(self) -> str:
        """What it does, for manifests."""
        what = "faces" if self.finders.plates is None else "faces and plates"
        return f"{what} covered by at most 6 x 6 cells with noise, in two passes"

    def redact(
        self,
        opener: Opener,
        target: Path | Writable,
        *,
        sound: bool = False,
        progress: Progress | None = None,
        told: Told = NOTHING,
    ) -> Counts:
        """Write a covered copy.

        Args:
            opener: Opens the video; called twice.
            target: A new MP4 file, which is there only when all went well; or what takes bytes (then in fragments).
            sound: Copy the first sound track.
            progress: Told of each frame.
            told: Where it begins, and what it says of itself.

        Raises:
            RedactionError: Nothing can be read or written. There is no file then.
        """
        film = opener()
        half = target.with_name(target.name + ".part") if isinstance(target, Path) else None
        try:
            pace = pace_of(film.rate)
            scout = LookaheadDetector(opener, self.finders, pace, self.timeout_s, self.threads)
            try:
                options = FILE if half else FRAGMENTS
                job = _Job(film, pace, scout, self.random, half or target, sound, progress, options, told)
                counts = job.run()
            finally:
                scout.close()
            if half is not None and isinstance(target, Path):
                half.rename(target)
            return counts
        except OSError as error:
            raise RedactionError(f"cannot be written: {error}") from error
        finally:
            film.close()
            if half is not None:
                half.unlink(missing_ok=True)


@dataclass
class LookaheadBuffer:
    """What the first pass has said so far, and what follows from it for a frame.

    Args:
        scout: The first pass.
        pace: How far detections reach.
        counts: Told of looks.
    """

    scout: LookaheadDetector
    pace: Cadence
    counts: Counts
    _stamps: dict[int, int | None] = field(default_factory=dict)
    _dark: list[int] = field(default_factory=list)
    _known: int = -1
    _ended: bool = False

    def __post_init__(self) -> None:
        self._faces, self._plates = Masks(self.pace.faces), Masks(self.pace.plates)

    def same(self, number: int, pts: int | None) -> bool:
        """Whether the first pass saw this very frame."""
        self._know(number + self.pace.ahead)
        return number in self._stamps and self._stamps.pop(number) == pts

    def dark(self, number: int) -> bool:
        """Whether a search failed here, or for the frames right beside."""
        self._dark = [it for it in self._dark if it + self.pace.every > number]
        return any(abs(it - number) < self.pace.every for it in self._dark)

    def boxes(self, number: int, area_px: int) -> tuple[list[Box], list[Box]]:
        """What to cover, for faces and for plates; frames rise from call to call.

        Args:
            number: Of the frame.
            area_px: Of the frame.
        """
        most_px = GIANT * area_px
        return self._faces.at(number, most_px), self._plates.at(number, most_px)

    def _know(self, until: int) -> None:
        while self._known < until and not self._ended:
            seen = self.scout.next()
            if seen is None:
                self._ended = True
                return
            self._known = seen.number
            self._stamps[seen.number] = seen.pts
            self._take(seen)

    def _take(self, seen: Seen) -> None:
        self.counts.looks += seen.searched
        if seen.failed:
            self._dark.append(seen.number)
            self.counts.failed_looks += seen.searched and not seen.timed_out
            self.counts.timed_out += seen.timed_out
            return
        if seen.faces is not None:
            self._faces.add(seen.number, *seen.faces)
            self.counts.unchanged += not seen.searched
        if seen.plates is not None:
            self._plates.add(seen.number, *seen.plates)


@dataclass
class _Job:
    """The second pass over one video."""

    film: VideoReader
    pace: Cadence
    scout: LookaheadDetector
    random: np.random.Generator
    target: Path | Writable
    sound: bool
    progress: Progress | None
    options: dict[str, str]
    told: Told
    counts: Counts = field(default_factory=Counts)
    _sounds: deque[AudioPacket] = field(default_factory=lambda: deque(maxlen=MOST_SOUNDS))
    _encoder: Encoder | None = None
    _canvas: FrameFormat | None = None

    def __post_init__(self) -> None:
        self.ahead = LookaheadBuffer(self.scout, self.pace, self.counts)
        self._cut = Cut(self.told.skip_s, self.film.base)

    def run(self) -> Counts:
        """Cover every frame."""
        try:
            for item in self.film.shots(self.sound):
                if isinstance(item, VideoFrame):
                    for shot, pts in self._cut.take(item):
                        self._put(shot, pts)
                else:
                    self._sounds.append(item)
                self._copy_sound()
            for shot, pts in self._cut.rest():
                self._put(shot, pts)
            self.counts.undecodable, self.counts.ended_early = self.film.undecodable, self.film.ended_early
            if self._encoder is None:
                raise RedactionError(f"{self.film.where}: not one frame of it can be read")
            self._encoder.close()
        except BaseException:
            if self._encoder is not None:
                self._encoder.abandon()
            raise
        return self.counts

    def _put(self, shot: VideoFrame, pts: int | None) -> None:
        if self._encoder is None or self._canvas is None:
            self._canvas = FrameFormat.of(shot.frame)
            where = str(self.target) if isinstance(self.target, Path) else self.target
            origin, about = self.film.origin(self.sound), self.told.about
            self._encoder = Encoder(where, self._canvas, origin, options=self.options, about=about)
        covered = self._covered(shot, self._canvas)
        self.counts.frames += 1
        self.counts.black += covered.black
        self._encoder.put(covered, pts)
        if self.progress is not None:
            self.progress(self.counts.frames, self.film.expected)

    def _copy_sound(self) -> None:
        if self._encoder is not None and self._sounds:
            self.counts.sound_packets += sum([self._encoder.copy(packet) for packet in self._sounds])
            self._sounds.clear()

    def _covered(self, shot: VideoFrame, canvas: FrameFormat) -> RedactedFrame:
        same, dark = self.ahead.same(shot.number, shot.frame.pts), self.ahead.dark(shot.number)
        faces, plates = self.ahead.boxes(shot.number, shot.frame.width * shot.frame.height)
        boxes = [*faces, *plates]
        self.counts.disagreed += not same
        self.counts.corrupt += shot.corrupt
        self.counts.unknown_pixels += not known(shot.frame)
        if dark or shot.corrupt or not same:
            return black(canvas)
        self.counts.covers += len(boxes)
        return paint(shot.frame, boxes, canvas, self.random)
