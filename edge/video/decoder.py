"""Decodes packets; after an error the decoder is replaced and waits for the next key frame."""

from __future__ import annotations

import threading

import av
import numpy as np
from av.codec.context import ThreadType
from av.video.reformatter import VideoReformatter

from common.clock import SECOND_NS
from common.errors import StreamBroken
from edge.media.orientation import shown
from edge.sources.base import VideoPacket
from pipelines.types import Luma, Picture

BROKEN_S, BROKEN_PACKETS = 10.0, 8
"""A stream fails when this many packets in a row, over this time, gave no picture. Waiting for a key frame
does not count: cameras with smart codecs send one in a minute or less often."""

READ_EVERY = 16
"""Frames after which the orientation is read again where no key frame comes."""


class Decoder:
    """Decodes one stream. Single-threaded.

    The loop filter is skipped: it smooths block edges, costs a quarter of the time, and nothing here needs it.

    Args:
        codec: FFmpeg's name, `h264` or `hevc`.
        extradata: The codec's configuration.
        matrix: Display matrix for frames without one of their own; see `edge.media.orientation`.

    Attributes:
        broken: Packets that could not be decoded, or only to an incomplete picture.
    """

    def __init__(self, codec: str, extradata: bytes, matrix: bytes = b"") -> None:
        self._codec, self._extradata, self._matrix = codec, extradata, matrix
        self.broken = 0
        self._packets_without_picture = 0
        self._since_ns: int | None = None
        self._waits_for_key = True
        self._plain, self._unread = False, READ_EVERY
        self._context = self._create_context()

    def decode(self, packet: VideoPacket, now_ns: int = 0) -> list[av.VideoFrame]:
        """Pictures that this packet completes, upright and with square pixels.

        Args:
            packet: The next of the stream.
            now_ns: When it came, nanoseconds of one clock.

        Raises:
            StreamBroken: Nothing could be decoded for too long.
        """
        if self._waits_for_key and not packet.is_keyframe:
            return []
        try:
            frames = self._context.decode(packet)
        except (av.error.FFmpegError, ValueError):
            self.broken += 1
            self.restart()
            return self._on_missing_picture(now_ns)
        self._waits_for_key = False
        complete = [frame for frame in frames if not frame.is_corrupt]  # incomplete pictures would look like motion
        self.broken += len(frames) - len(complete)
        if not complete:
            return self._on_missing_picture(now_ns)
        self._packets_without_picture, self._since_ns = 0, None
        return complete if self._is_plain(complete) else [self._upright(frame) for frame in complete]

    def _is_plain(self, frames: list[av.VideoFrame]) -> bool:
        """Whether the frames need no rotation and no scaling.

        Streams give it with their key frames. Reading it from each frame costs a thirtieth of the decoding.
        """
        self._unread += 1
        if self._unread >= READ_EVERY or any(frame.key_frame for frame in frames):
            self._unread = 0
            self._plain = all(self._upright(frame) is frame for frame in frames)
        return self._plain

    def _upright(self, frame: av.VideoFrame) -> av.VideoFrame:
        return shown(frame, self._context.sample_aspect_ratio, self._matrix)

    def skip_to_key(self) -> None:
        """Forget the pictures so far and wait for a key frame; cheaper than `restart`, for an undamaged stream."""
        self._context.flush_buffers()
        self._waits_for_key = True

    def restart(self) -> None:
        """Forget everything and wait for a key frame."""
        self._context = self._create_context()
        self._waits_for_key = True

    def _on_missing_picture(self, now_ns: int) -> list[av.VideoFrame]:
        """A packet gave no picture although one was expected."""
        self._packets_without_picture += 1
        self._since_ns = now_ns if self._since_ns is None else self._since_ns
        if self._packets_without_picture > BROKEN_PACKETS and now_ns - self._since_ns > BROKEN_S * SECOND_NS:
            raise StreamBroken(f"no picture in {BROKEN_S:.0f} s", sentence="source.silent")
        return []

    def _create_context(self) -> av.VideoCodecContext:
        context = av.CodecContext.create(self._codec, "r")
        assert isinstance(context, av.VideoCodecContext)
        context.thread_count = 1
        context.thread_type = ThreadType.NONE
        context.options = {"skip_loop_filter": "all", "flags": "low_delay"}
        if self._extradata:
            context.extradata = self._extradata
        return context


def luma_of(frame: av.VideoFrame) -> Luma:
    """The Y plane without a copy, H x W uint8; formats without one are converted."""
    if frame.format.name not in ("yuv420p", "yuvj420p", "nv12", "yuv422p", "yuvj422p", "gray"):
        frame = frame.reformat(format="yuv420p")
    plane = frame.planes[0]
    rows: Luma = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width]


class _Reformatters(threading.local):
    """One a thread: a frame's own is not thread-safe when the detector and a plate reader use one frame."""

    def __init__(self) -> None:
        self.reformatters = VideoReformatter()


_reformatters = _Reformatters()


def picture_of(frame: av.VideoFrame) -> Picture:
    """H x W x 3 uint8 BGR. Safe to call for one frame from several threads."""
    return np.asarray(_reformatters.reformatters.reformat(frame, format="bgr24").to_ndarray(), np.uint8)
