"""RTSP over TCP: H.264 and H.265, with Basic or Digest log-in; a connection lives as long as pictures come."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import cast
from urllib.parse import quote, urlsplit, urlunsplit

import av
from av.container import InputContainer

from common.clock import SECOND_NS, Clock
from common.errors import SourceLost, SourceRefused
from common.secret.digest import Login, best, challenges
from edge.media.nal import holds_picture, holds_sets
from edge.sources.base import AudioListener, AudioPacket, Stopped, Stream, TimedPacket, VideoPacket, never
from edge.sources.container import CODECS, ContainerStream, mapped, open_video
from edge.sources.patience import Patience
from edge.sources.reading import READ_S, Reading
from edge.sources.refusals import SHARED
from edge.sources.rtsp_login import ffmpeg_can
from edge.sources.rtsp_relay import Peer, Relay, probe
from edge.sources.sockets import NewConnection, Watched

WAIT_S = 0.5
"""Interval of the check for a stop while no packet arrives."""
GROUP_S, GROUP_BYTES = 0.2, 48 * 1024
"""Where packets may be read in groups, a group is read when so much time has passed or so many bytes have come.

A thread that wakes up for each packet finds cold processor caches: reading three packets together takes half the time
of reading them one by one. Fewer bytes than the receive window, so that the camera is not held up, and than most key
frames, which are read at once."""
_PROMPT_NS = SECOND_NS
"""A first picture that is handed over later than this after the connecting began may have come long before."""
_ENOUGH = 3
_OPTIONS = {
    "rtsp_transport": "tcp",
    "probesize": "32",  # one packet, and it is kept: the first may be a key frame, with the next a minute away
    "analyzeduration": "0",
    "max_delay": "0",
}


class RtspOpener:
    """Opens one camera's stream.

    Args:
        url: Without user and password.
        credentials: User and password.
        clock: Time of arrival.
        audio_listener: Receives the audio.
        stopped: Asked while nothing comes.

    Attributes:
        patience: What is known of the camera's pictures.
        refusals: Of log-ins, shared by all readers.
    """

    def __init__(
        self,
        url: str,
        credentials: Login,
        clock: Clock,
        audio_listener: AudioListener | None = None,
        stopped: Stopped = never,
    ) -> None:
        self._url, self._who, self._clock, self._audio_listener, self._stopped = (
            url,
            credentials,
            clock,
            audio_listener,
            stopped,
        )
        self.patience, self.refusals = Patience(), SHARED

    def open(self) -> Stream:
        """Connect and wait for the first packet."""
        first_s, began_ns = self.patience.first_s, self._clock.monotonic_ns()
        peer = Peer.of(self._url)
        attempt = self.refusals.single_attempt(
            self._url, f"{peer.host}:{peer.port}", self._who, self._clock.monotonic_ns, self._stopped
        )
        try:
            with attempt:
                return self._opened(first_s, self._relay(first_s))
        except SourceLost:
            if self._clock.monotonic_ns() - began_ns >= first_s * SECOND_NS:
                self.patience.connection_failed()
                raise SourceLost(f"{self._url}: no picture came in {first_s:.0f} s", sentence="source.silent") from None
            raise

    def _relay(self, timeout_s: float) -> Relay | None:
        """What logs in where FFmpeg cannot; None where it can.

        Raises:
            SourceError: Nobody answers, or the camera asks for a log-in of an unknown kind.
        """
        if not self._who.username or "{password}" in self._url:
            return None
        probe_result = probe(self._url, timeout_s, self._stopped)
        offered = challenges(list(probe_result.challenges))
        if not offered or (ffmpeg_can(offered, self._who) and not probe_result.closes_after_challenge):
            return None
        if best(offered) is None:
            kinds = ", ".join(sorted({f"{it.scheme} {it.parameters.get('algorithm', '')}".strip() for it in offered}))
            known = "Basic and Digest (MD5, SHA-256, SHA-512-256) can be answered"
            raise SourceRefused(f"{self._url}: refused: the camera asks for the log-in '{kinds[:80]}'; {known}")
        return Relay(self._url, self._who, timeout_s, lambda: secrets.token_hex(16), self._stopped)

    def _opened(self, first_s: float, relay: Relay | None) -> Stream:
        options = _OPTIONS | {"timeout": str(round(first_s * 1e6))}  # the socket's, in microseconds
        peer = Peer.of(self._url)
        host, port = ("127.0.0.1", relay.port) if relay else (peer.host, peer.port)
        url = relay.url if relay else _with_login(self._url, self._who)
        connection = NewConnection(host, port)
        try:
            with connection:
                began_ns = self._clock.monotonic_ns()
                container = open_video(url, self._url, options, CODECS, (first_s + READ_S, READ_S))
        except BaseException:
            if relay is not None:
                relay.close()
            raise
        took_s = (self._clock.monotonic_ns() - began_ns) / SECOND_NS
        # after a silence of `first_s` FFmpeg gives what it has: that came before the silence
        late_s = first_s if took_s >= first_s else 0.0
        reading = Reading(self._clock, self.patience, late_s)
        stream = RtspStream(container, self._url, reading, self._audio_listener)
        stream.began_ns = None if late_s else began_ns
        stream.stopped, stream.socket = self._stopped, connection.watched()
        return stream


class RtspStream(ContainerStream):
    """A live stream.

    Attributes:
        stopped: Asked while nothing comes.
        socket: Of the connection; None where it is not known.
        began_ns: Monotonic clock when the connecting began; None where it is known when the first picture came.
    """

    def __init__(
        self, container: InputContainer, where: str, reading: Reading, audio_listener: AudioListener | None = None
    ) -> None:
        super().__init__(container, where, audio_listener)
        self._reading = reading
        self.stopped: Stopped = never
        self.socket: Watched | None = None
        self.began_ns: int | None = None

    def packets(self) -> Iterator[TimedPacket]:
        """Pictures with the clocks at which they came.

        Raises:
            SourceError: No picture came for longer than this camera's pictures ever take, or the stream ended.
        """
        arrivals, held = self._arrivals(), list[TimedPacket]()
        try:
            for arrival in arrivals:
                held.append(arrival)
                if self.began_ns is None or (len(held) == 1 and self._reading.now_ns - self.began_ns < _PROMPT_NS):
                    break
                if len(held) == _ENOUGH:
                    held[0] = _earlier(held)
                    break
        except SourceLost:
            yield from held
            raise
        yield from held
        yield from arrivals

    def _arrivals(self) -> Iterator[TimedPacket]:
        track, demuxing, reading, codec = self.begin(), self._container.demux(), self._reading, self.codec
        while True:
            if reading.idle:
                self._wait()
            elif self.grouped and reading.waited and self.socket is not None:
                self.socket.gather(GROUP_BYTES, GROUP_S)
            reading.calls()
            try:
                packet = next(demuxing, None)
            except av.error.ExitError:
                demuxing = self._container.demux()
                reading.none()
                self._check()
                continue
            except (av.error.FFmpegError, OSError) as error:
                raise mapped(error, self._where) from None
            if packet is None:
                raise SourceLost(f"{self._where}: the stream ended")
            if packet.size and packet.stream is self.video:
                video = cast(VideoPacket, packet)
                picture = holds_picture(video, codec)
                arrival = reading.handed(video, picture)
                if picture or holds_sets(video, codec):
                    yield arrival
                if picture and not self.stopped():
                    continue  # a camera that has just sent a picture is not silent
            else:
                reading.other()
                if packet.size and packet.stream is track and self._audio_listener is not None:
                    self._audio_listener.receive(cast(AudioPacket, packet))
            self._check()

    def close(self) -> None:
        """Close the connection; only the thread that opened it may."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None
        super().close()

    def _wait(self) -> None:
        """Where nothing of the next picture has come: until something does."""
        while self._reading.idle and self.socket is not None and not self.socket.wait(WAIT_S):
            self._check()
        if self._reading.idle:
            self._reading.begins(guessed=True)

    def _check(self) -> None:
        """Raises: SourceLost when it is time to end."""
        if self.stopped():
            raise SourceLost(f"{self._where}: stopping")
        if self._reading.silent_s > 0:
            self._reading.patience.connection_failed()
            raise SourceLost(f"{self._where}: no picture came for too long", sentence="source.silent")


def _earlier(held: list[TimedPacket]) -> TimedPacket:
    """The first of three, as long before the second as that before the third: it was handed over with the second."""
    first, second, third = held
    step_ns = max(0, (third.mono_ns or 0) - (second.mono_ns or 0))
    return TimedPacket(first.packet, second.time_ns - step_ns, (second.mono_ns or 0) - step_ns)


def _with_login(url: str, credentials: Login) -> str:
    username, password = quote(credentials.username, safe=""), quote(credentials.password.reveal(), safe="")
    if "{password}" in url:  # cameras that take the login in the address alone
        return url.replace("{username}", username).replace("{password}", password)
    if not username:
        return url
    parts, user = urlsplit(url), f"{username}:{password}"
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc}"))
