"""A file as a camera."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import cast

import av
from av.container import InputContainer

from common.clock import SECOND_NS, Clock
from common.secret.digest import Login
from edge.media.orientation import orientation
from edge.sources.base import AudioListener, Stopped, Stream, TimedPacket, never
from edge.sources.container import CODECS, ContainerStream, open_video, video_of


class FileOpener:
    """Opens a file.

    Args:
        url: Its path.
        credentials: Not used.
        clock: The first packet is taken to have come when the file is opened.
        audio_listener: Receives the audio.
        stopped: Not used.
    """

    def __init__(
        self,
        url: str,
        credentials: Login,
        clock: Clock,
        audio_listener: AudioListener | None = None,
        stopped: Stopped = never,
    ) -> None:
        del credentials, stopped
        self._path, self._clock, self._audio_listener = url, clock, audio_listener

    def open(self) -> Stream:
        """Open the file."""
        with open_video(self._path, self._path, {}, None) as once:
            matrix = _matrix(once)
        stream = FileStream(open_video(self._path, self._path, {}, None), self._path, self._clock, self._audio_listener)
        stream.matrix = matrix
        return stream


class FileStream(ContainerStream):
    """A file's video; time runs with its time stamps."""

    def __init__(
        self, container: object, where: str, clock: Clock, audio_listener: AudioListener | None = None
    ) -> None:
        super().__init__(container, where, audio_listener)  # type: ignore[arg-type]
        self._start_ns = clock.wall_ns()

    def packets(self) -> Iterator[TimedPacket]:
        """Packets with the time that their time stamps tell; one without a time stamp follows the one before."""
        rate = float(self.video.average_rate or 15)
        step_ns, last_ns, first = round(SECOND_NS / rate), -1, None
        for packet in self.demux():
            ticks = packet.dts if packet.dts is not None else packet.pts
            if ticks is not None:
                first = ticks if first is None else first
                since_ns = round(float((ticks - first) * self.time_base) * SECOND_NS)
            else:
                since_ns = last_ns + step_ns
            last_ns = max(since_ns, last_ns)
            yield TimedPacket(packet, self._start_ns + last_ns)


def _matrix(container: InputContainer) -> bytes:
    """A file's display matrix: only a decoded frame tells it."""
    with contextlib.suppress(av.error.FFmpegError, ValueError, OSError, StopIteration):
        return orientation(cast(av.VideoFrame, next(container.decode(video_of(container, CODECS)))))
    return b""
