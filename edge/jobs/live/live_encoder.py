"""One view of one camera: its stream → decode → newest frame → cover → H.264 → pieces.

Reading and covering are two threads with one frame between them: what comes too fast is left out, and nothing waits.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

import av

from common import logging_setup
from common.clock import SECOND_NS
from common.errors import PaifangError, RedactionError
from edge.jobs.live.fmp4_splitter import Fmp4Splitter
from edge.redaction.encoder import FRAGMENTS, UNSAID, Colours, Encoder, Origin
from edge.redaction.live_redactor import Leaving, LiveRedactor
from edge.redaction.mask_renderer import FrameFormat
from edge.sources.base import Stream
from edge.video.decoder import Decoder
from protocol.live_frames import LiveFrame
from protocol.problems import code_of

_log = logging_setup.get("live")
WIDTH_PX, RATE = 640, 15.0
_BASE = Fraction(1, 90_000)
_SLACK = 0.7
"""Cameras of 15 frames a second do not send them evenly."""
SILENCE_S = 10.0
BT709, LARGE_LINES = 1, 720
"""Players guess by the height where a stream does not say its colour matrix."""


class Openable(Protocol):
    """What a view is of: a camera's watched stream, or footage that was kept."""

    def open(self) -> Stream:
        """Open it; what ends without an error ends the view without one.

        Raises:
            PaifangError: It cannot be opened.
        """


@dataclass
class LatestFrame:
    """One frame, the newest, from one thread to another."""

    _there: threading.Condition = field(default_factory=threading.Condition)
    _frame: tuple[av.VideoFrame, int] | None = None
    _over: str | None = None
    _code: str = ""
    skipped: int = 0

    def put(self, frame: av.VideoFrame, time_ns: int) -> None:
        """Put a frame; it replaces one that was not taken."""
        with self._there:
            self.skipped += self._frame is not None
            self._frame = frame, time_ns
            self._there.notify()

    def end(self, problem: str = "", code: str = "") -> None:
        """There will be no more; without a problem, and its code, that is as it should be."""
        with self._there:
            self._over, self._code = problem, code
            self._there.notify()

    def take(self, timeout_s: float) -> tuple[av.VideoFrame, int] | None:
        """Wait for one; None: that was the last.

        Raises:
            RedactionError: There are no more, for something went wrong, or none came.
        """
        with self._there:
            self._there.wait_for(lambda: self._frame is not None or self._over is not None, timeout_s)
            found, self._frame = self._frame, None
            if found is None and self._over != "":
                code = self._code if self._over else "source.silent"
                raise RedactionError(f"no pictures: {self._over or 'the camera is silent'}", sentence=code)
            return found


class View:
    """Pieces of one view.

    Args:
        opener: Opens what it is of.
        redactor: Covers; closed with the view.
        kbps: Most that it may take, kilobits a second.
    """

    def __init__(self, opener: Openable, redactor: LiveRedactor, kbps: int) -> None:
        self._opener, self._redactor, self._kbps = opener, redactor, kbps
        self._newest, self._stop = LatestFrame(), threading.Event()
        self._colours = UNSAID
        self._reader = threading.Thread(target=self._read, name="live-reader", daemon=True)

    def pieces(self) -> Generator[list[LiveFrame], None, None]:
        """What is to be sent, frame after frame; a list may be empty. Close the iterator to end the view.

        Raises:
            RedactionError: The camera does not answer, or it cannot be encoded.
        """
        cutter, encoder, first_ns = Fmp4Splitter(), None, 0
        self._reader.start()
        try:
            for covered, time_ns in self._leaving():
                if encoder is None:
                    canvas = FrameFormat(covered.frame.width, covered.frame.height, covered.frame.format.name)
                    origin, first_ns = Origin(_BASE, RATE, self._colours), time_ns
                    encoder = Encoder(cutter, canvas, origin, options=FRAGMENTS, live=True, kbps=self._kbps)
                cutter.times.append(time_ns)
                encoder.put(covered, (time_ns - first_ns) * 9 // 100_000)
                yield list(cutter.ready)
                cutter.ready.clear()
        finally:
            self._stop.set()
            if encoder is not None:
                encoder.abandon()
            self._reader.join()
            self._redactor.close()

    def _leaving(self) -> Iterator[Leaving]:
        while (taken := self._newest.take(SILENCE_S)) is not None:
            if (leaving := self._redactor.take(*taken)) is not None:
                yield leaving
        yield from self._redactor.rest()

    def _read(self) -> None:
        try:
            self._watch()
            self._newest.end()
        except PaifangError as error:
            self._newest.end(str(error), code_of(error))
        except Exception as error:  # the view ends, and says so
            _log.exception("a live view broke")
            self._newest.end(type(error).__name__, code_of(error))

    def _watch(self) -> None:
        stream = self._opener.open()
        try:
            decoder, shown_ns = Decoder(stream.codec, stream.extradata, stream.matrix), 0
            for arrival in stream.packets():
                if self._stop.is_set():
                    return
                frames = decoder.decode(arrival.packet, arrival.mono_ns or arrival.time_ns)
                if frames and arrival.time_ns - shown_ns >= _SLACK * SECOND_NS / RATE:
                    shown_ns = arrival.time_ns
                    self._colours = colours_of(frames[-1])
                    self._newest.put(_small(frames[-1]), arrival.time_ns)
        finally:
            stream.close()


def colours_of(frame: av.VideoFrame) -> Colours:
    """What a frame says of its colours; of a large one that says nothing, what players take for granted.

    A player takes BT.709 for large pictures and BT.601 for small ones, and a view is small.
    """
    said = int(frame.colorspace), int(frame.color_primaries), int(frame.color_trc), int(frame.color_range)
    large = frame.height >= LARGE_LINES or frame.width > 2 * WIDTH_PX
    return (BT709, BT709, BT709, said[3]) if said[0] == UNSAID[0] and large else said


def _small(frame: av.VideoFrame) -> av.VideoFrame:
    """At most `WIDTH_PX` wide; a format that cannot be converted stays as it is, and becomes black."""
    if frame.width <= WIDTH_PX:
        return frame
    try:
        return frame.reformat(width=WIDTH_PX, height=max(2, round(frame.height * WIDTH_PX / frame.width / 2) * 2))
    except (av.error.FFmpegError, ValueError):
        return frame
