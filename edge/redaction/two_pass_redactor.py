"""Redacts a whole video in two passes; detection runs some frames ahead of masking and encoding.

Frames are held only while they are searched or encoded, so memory does not grow with the video's length.
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
from edge.redaction.detection_plan import Cadence, Detectors, cadence_of
from edge.redaction.encoder import FILE, FRAGMENTS, AudioPacket, Encoder, Writable
from edge.redaction.lookahead_detector import DetectedFrame, LookaheadDetector
from edge.redaction.mask_renderer import FrameFormat, RedactedFrame, black, known, paint
from edge.redaction.trim import LeadTrimmer
from edge.redaction.video_reader import Opener, VideoFrame, VideoReader
from pipelines.masks.large_masks import GIANT
from pipelines.masks.temporal_mask_interpolation import Masks
from pipelines.types import Box

TIMEOUT_S = 30.0
THREADS = 2
MAX_AUDIO_PACKETS = 10_000
"""Maximum number of audio packets that wait for the first picture; earlier ones are dropped."""
Progress = Callable[[int, int], None]
"""Called with frames done and frames expected (0: not known)."""


@dataclass(frozen=True)
class CopyOptions:
    """Options of a copy.

    Attributes:
        skip_s: Seconds of the original to leave out at its start.
        about: Text in the copy's metadata.
    """

    skip_s: Fraction = Fraction(0)
    about: str = ""


NOTHING = CopyOptions()


@dataclass
class ExportRedactor:
    """Masks faces and plates of whole videos.

    Args:
        detectors: The detectors.
        random: Generator of the masks' noise.
        models: Models of the detectors, for manifests.
        timeout_s: Time-out of a search.
        threads: Parallel searches.
    """

    detectors: Detectors
    random: np.random.Generator
    models: tuple[UsedModel, ...] = ()
    timeout_s: float = TIMEOUT_S
    threads: int = THREADS

    @property
    def name(self) -> str:
        """Its description, for manifests."""
        subject = "faces" if self.detectors.plates is None else "faces and plates"
        return f"{subject} covered by at most 6 x 6 cells with noise, in two passes"

    def redact(
        self,
        opener: Opener,
        target: Path | Writable,
        *,
        sound: bool = False,
        progress: Progress | None = None,
        copy_options: CopyOptions = NOTHING,
    ) -> Counts:
        """Write a redacted copy.

        Args:
            opener: Opens the video; called twice.
            target: A new MP4 file, which exists only on success; or a byte stream (then fragmented MP4).
            sound: Copy the first sound track.
            progress: Called for each frame.
            copy_options: Start and metadata text.

        Raises:
            RedactionError: Nothing can be read or written. There is no file then.
        """
        video = opener()
        partial = target.with_name(target.name + ".part") if isinstance(target, Path) else None
        try:
            cadence = cadence_of(video.rate)
            lookahead = LookaheadDetector(opener, self.detectors, cadence, self.timeout_s, self.threads)
            try:
                output = _Output(partial or target, FILE if partial else FRAGMENTS, sound, copy_options)
                ahead = LookaheadBuffer(lookahead, cadence, Counts())
                counts = _Job(video, ahead, self.random, output, progress).run()
            finally:
                lookahead.close()
            if partial is not None and isinstance(target, Path):
                partial.rename(target)
            return counts
        except OSError as error:
            raise RedactionError(f"cannot be written: {error}") from error
        finally:
            video.close()
            if partial is not None:
                partial.unlink(missing_ok=True)


@dataclass
class LookaheadBuffer:
    """Results of the first pass so far, and the masks of a frame.

    Args:
        lookahead: The first pass.
        cadence: Validity of detections.
        counts: Statistics to update.
    """

    lookahead: LookaheadDetector
    cadence: Cadence
    counts: Counts
    _stamps: dict[int, int | None] = field(default_factory=dict)
    _failed_frames: list[int] = field(default_factory=list)
    _last_number: int = -1
    _ended: bool = False

    def __post_init__(self) -> None:
        self._faces, self._plates = Masks(self.cadence.faces), Masks(self.cadence.plates)

    def is_same_frame(self, number: int, pts: int | None) -> bool:
        """Whether the first pass decoded the same frame."""
        self._read_until(number + self.cadence.ahead)
        return number in self._stamps and self._stamps.pop(number) == pts

    def is_failed(self, number: int) -> bool:
        """Whether the search of this frame or of adjacent frames failed."""
        self._failed_frames = [it for it in self._failed_frames if it + self.cadence.every > number]
        return any(abs(it - number) < self.cadence.every for it in self._failed_frames)

    def boxes(self, number: int, area_px: int) -> tuple[list[Box], list[Box]]:
        """The boxes to mask, of faces and of plates; frame numbers must increase.

        Args:
            number: Of the frame.
            area_px: Of the frame.
        """
        most_px = GIANT * area_px
        return self._faces.at(number, most_px), self._plates.at(number, most_px)

    def _read_until(self, until: int) -> None:
        while self._last_number < until and not self._ended:
            detected = self.lookahead.next()
            if detected is None:
                self._ended = True
                return
            self._last_number = detected.number
            self._stamps[detected.number] = detected.pts
            self._add(detected)

    def _add(self, detected: DetectedFrame) -> None:
        self.counts.looks += detected.searched
        if detected.failed:
            self._failed_frames.append(detected.number)
            self.counts.failed_looks += detected.searched and not detected.timed_out
            self.counts.timed_out += detected.timed_out
            return
        if detected.faces is not None:
            self._faces.add(detected.number, *detected.faces)
            self.counts.unchanged += not detected.searched
        if detected.plates is not None:
            self._plates.add(detected.number, *detected.plates)


@dataclass(frozen=True)
class _Output:
    """What is written.

    Attributes:
        target: A new file or a byte stream.
        format_options: Of the MP4 writer: a whole file, or fragments.
        sound: Copy the first sound track.
        copy_options: Start and metadata text.
    """

    target: Path | Writable
    format_options: dict[str, str]
    sound: bool
    copy_options: CopyOptions


@dataclass
class _Job:
    """The second pass over one video; counts into the statistics of the first."""

    video: VideoReader
    ahead: LookaheadBuffer
    random: np.random.Generator
    output: _Output
    progress: Progress | None
    _audio_packets: deque[AudioPacket] = field(default_factory=lambda: deque(maxlen=MAX_AUDIO_PACKETS))
    _encoder: Encoder | None = None
    _format: FrameFormat | None = None

    def __post_init__(self) -> None:
        self.counts = self.ahead.counts
        self._trim = LeadTrimmer(self.output.copy_options.skip_s, self.video.base)

    def run(self) -> Counts:
        """Redact every frame."""
        try:
            for item in self.video.shots(self.output.sound):
                if isinstance(item, VideoFrame):
                    for video_frame, pts in self._trim.take(item):
                        self._encode(video_frame, pts)
                else:
                    self._audio_packets.append(item)
                self._copy_audio()
            for video_frame, pts in self._trim.rest():
                self._encode(video_frame, pts)
            self.counts.undecodable, self.counts.ended_early = self.video.undecodable, self.video.ended_early
            if self._encoder is None:
                raise RedactionError(f"{self.video.where}: not one frame of it can be read")
            self._encoder.close()
        except BaseException:
            if self._encoder is not None:
                self._encoder.abandon()
            raise
        return self.counts

    def _encode(self, video_frame: VideoFrame, pts: int | None) -> None:
        if self._encoder is None or self._format is None:
            self._format = FrameFormat.of(video_frame.frame)
            output = self.output
            where = str(output.target) if isinstance(output.target, Path) else output.target
            origin, about = self.video.origin(output.sound), output.copy_options.about
            self._encoder = Encoder(where, self._format, origin, options=output.format_options, about=about)
        redacted = self._redact(video_frame, self._format)
        self.counts.frames += 1
        self.counts.black += redacted.black
        self._encoder.put(redacted, pts)
        if self.progress is not None:
            self.progress(self.counts.frames, self.video.expected)

    def _copy_audio(self) -> None:
        if self._encoder is not None and self._audio_packets:
            self.counts.sound_packets += sum([self._encoder.copy(packet) for packet in self._audio_packets])
            self._audio_packets.clear()

    def _redact(self, video_frame: VideoFrame, frame_format: FrameFormat) -> RedactedFrame:
        is_same_frame, is_failed = (
            self.ahead.is_same_frame(video_frame.number, video_frame.frame.pts),
            self.ahead.is_failed(video_frame.number),
        )
        faces, plates = self.ahead.boxes(video_frame.number, video_frame.frame.width * video_frame.frame.height)
        boxes = [*faces, *plates]
        self.counts.disagreed += not is_same_frame
        self.counts.corrupt += video_frame.corrupt
        self.counts.unknown_pixels += not known(video_frame.frame)
        if is_failed or video_frame.corrupt or not is_same_frame:
            return black(frame_format)
        self.counts.covers += len(boxes)
        return paint(video_frame.frame, boxes, frame_format, self.random)
