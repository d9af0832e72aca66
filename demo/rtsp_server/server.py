"""An RTSP server for tests and the demonstration: clips in a seamless loop, over TCP, with or without Digest.

One task per path sends each access unit to all its viewers when it is due; a viewer starts at a key frame and is
dropped when it does not keep up. Faults for tests: `Mount.tamper` changes what is sent, `Mount.hang_up` ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from common import logging_setup
from demo.media_loop import AccessUnit, Clip
from demo.rtsp_server.audio_rtp import AudioClip, SoundPacketizer
from demo.rtsp_server.messages import Digest, Request, answer, read_request
from demo.rtsp_server.rtp import CLOCK_HZ, Packetizer

BACKLOG_BYTES = 4_000_000
"""A viewer that is this far behind is dropped."""
METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"

Tamper = Callable[[AccessUnit], AccessUnit | None]


@dataclass(eq=False)
class Client:
    """One client that plays one path."""

    writer: asyncio.StreamWriter
    packets: Packetizer | None = None
    sounds: dict[str, SoundPacketizer] = field(default_factory=dict)
    started: bool = False

    def send(self, frame: AccessUnit, timestamp: int) -> None:
        """Send one picture; the first must be a key frame."""
        self.started = self.started or frame.key
        if self.packets is not None and self.started and not self.writer.is_closing():
            if self.writer.transport.get_write_buffer_size() > BACKLOG_BYTES:
                self.writer.close()
                return
            self.writer.write(self.packets.frame(frame.units, timestamp))

    def send_audio(self, track: str, heard: AudioClip, timestamp: int) -> None:
        """Send one packet of a sound track, once pictures flow."""
        if track in self.sounds and self.started and not self.writer.is_closing():
            self.writer.write(self.sounds[track].packet(heard.data, timestamp))


@dataclass(eq=False)
class Mount:
    """One path and its clip.

    Attributes:
        clip: What is played.
        tamper: Changes or drops (None) an access unit before it is sent, for tests.
        ahead_s: How far into the clip it starts, so that several paths of one clip show different moments.
        viewers: Who watches now.
    """

    clip: Clip
    tamper: Tamper | None = None
    ahead_s: float = 0.0
    viewers: set[Client] = field(default_factory=set)

    async def play(self) -> None:
        """Send for ever."""
        began, repetition = time.monotonic() - self.ahead_s, 0
        while True:
            offset_s = repetition * self.clip.length_s
            for track, frame in self._due():
                wait_s = began + offset_s + frame.send_s - time.monotonic()
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
                if isinstance(frame, AccessUnit):
                    self._send(frame, frame.timestamp + round(offset_s * CLOCK_HZ))
                    continue
                for viewer in list(self.viewers):
                    viewer.send_audio(track, frame, frame.timestamp + round(offset_s * self.clip.sounds[track].rate))
            repetition += 1

    def _due(self) -> list[tuple[str, AccessUnit | AudioClip]]:
        """Video and audio of one repetition, in the order of sending."""
        heard = [(name, it) for name, track in self.clip.sounds.items() for it in track.frames]
        inside = [(name, it) for name, it in heard if it.send_s < self.clip.length_s]
        return sorted([*(("video", it) for it in self.clip.frames), *inside], key=lambda it: it[1].send_s)

    def hang_up(self) -> None:
        """End every viewer's connection."""
        for viewer in list(self.viewers):
            viewer.writer.close()

    def _send(self, frame: AccessUnit, timestamp: int) -> None:
        sent = self.tamper(frame) if self.tamper else frame
        if sent is not None:
            for viewer in list(self.viewers):
                viewer.send(sent, timestamp)


class RtspServer:
    """Serves clips on loopback or another address.

    Args:
        clips: Path (without slash) → clip.
        digest: Who may watch; None for everybody.
    """

    closes_after_challenge = False
    """It ends the connection after each 401, as some cameras do."""

    def __init__(self, clips: dict[str, Clip], digest: Digest | None = None) -> None:
        self.mounts = {path: Mount(clip) for path, clip in clips.items()}
        self._digest = digest
        self._log = logging_setup.get("rtsp-server")
        self._tasks: list[asyncio.Task[None]] = []
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen and play; returns the port."""
        self._server = await asyncio.start_server(self._connection, host, port)
        self._tasks = [asyncio.create_task(mount.play()) for mount in self.mounts.values()]
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """End every connection and task."""
        for task in self._tasks:
            task.cancel()
        if self._server is not None:
            self._server.close()
        for writer in list(self._connections):
            writer.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        session = _Session(self, writer)
        try:
            while (request := await read_request(reader)) is not None:
                response = session.handle(request, self._digest)
                writer.write(response)
                session.start_if_ready()
                await writer.drain()
                if self.closes_after_challenge and b" 401 " in response.split(b"\r\n")[0]:
                    return
        except (ValueError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            self._log.debug("connection ended", error=str(error))
        finally:
            session.end()
            self._connections.discard(writer)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@dataclass(eq=False)
class _Session:
    """One connection's state."""

    server: RtspServer
    writer: asyncio.StreamWriter
    mount: Mount | None = None
    viewer: Client | None = None
    playing: bool = False

    def handle(self, request: Request, digest: Digest | None) -> bytes:
        if request.method == "OPTIONS":
            return answer(request, "200 OK", {"Public": METHODS})
        if digest is not None and not digest.accepts(request):
            return answer(request, "401 Unauthorized", asks=digest.challenges())
        handler = getattr(self, f"_{request.method.lower()}", None)
        return handler(request) if handler else answer(request, "501 Not Implemented")

    def start_if_ready(self) -> None:
        """Join the viewers, after the answer to PLAY has been written."""
        if self.playing and self.mount and self.viewer:
            self.mount.viewers.add(self.viewer)

    def end(self) -> None:
        if self.mount and self.viewer:
            self.mount.viewers.discard(self.viewer)

    def _find(self, url: str) -> Mount | None:
        path = re.sub(r"^rtsps?://[^/]+/", "", url).split("?")[0].removesuffix("/")
        return self.server.mounts.get(re.sub(r"/(?:video|audio\d*|meta)$", "", path))

    def _describe(self, request: Request) -> bytes:
        mount = self._find(request.url)
        if mount is None:
            return answer(request, "404 Not Found")
        address = self.writer.get_extra_info("sockname")[0]
        headers = {"Content-Type": "application/sdp", "Content-Base": request.url.rstrip("/") + "/"}
        return answer(request, "200 OK", headers, mount.clip.sdp(address))

    def _setup(self, request: Request) -> bytes:
        self.mount = self._find(request.url)
        channels = re.search(r"interleaved=(\d+)-(\d+)", request.headers.get("transport", ""))
        if self.mount is None:
            return answer(request, "404 Not Found")
        if channels is None:
            return answer(request, "461 Unsupported Transport")
        ssrc = random.getrandbits(32)
        self.viewer = self.viewer or Client(self.writer)
        track = request.url.rpartition("/")[2]
        sound = self.mount.clip.sounds.get(track)
        if sound is not None:
            self.viewer.sounds[track] = SoundPacketizer(sound.codec, ssrc, int(channels[1]))
        elif track != "meta":
            self.viewer.packets = Packetizer(self.mount.clip.codec, ssrc, int(channels[1]))
        transport = f"RTP/AVP/TCP;unicast;interleaved={channels[1]}-{channels[2]};ssrc={ssrc:08X}"
        return answer(request, "200 OK", {"Transport": transport, "Session": "1;timeout=60"})

    def _play(self, request: Request) -> bytes:
        if self.viewer is None:
            return answer(request, "455 Method Not Valid in This State")
        self.playing = True
        return answer(request, "200 OK", {"Session": "1", "Range": "npt=now-"})

    def _get_parameter(self, request: Request) -> bytes:
        return answer(request, "200 OK", {"Session": "1"})

    def _teardown(self, request: Request) -> bytes:
        self.end()
        return answer(request, "200 OK", {"Session": "1"})


async def serve(clips: dict[str, Path], port: int, ready: Callable[[int], None]) -> None:
    """Serve until cancelled; `ready` is called with the port."""
    from demo.media_loop import load

    server = RtspServer({name: load(path) for name, path in clips.items()})
    ready(await server.start(port=port))
    try:
        await asyncio.Event().wait()
    finally:
        await server.stop()
