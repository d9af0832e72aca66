"""Sessions of players: each reads one live view into a window while its playlist is asked for.

The session's secret stands in its addresses, for players send no headers; it opens this one stream while it lasts.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from aggregator.services.video_out.consumer_streams import ConsumerStream, ConsumerStreams, Opening
from aggregator.services.video_out.fmp4_reader import Fmp4Reader
from aggregator.services.video_out.hls.window import HlsWindow
from common import logging_setup
from common.clock import SECOND_NS
from common.errors import CommandError, PaifangError
from protocol.live_frames import HEAD

_log = logging_setup.get("video out")
IDLE_S = 10.0
"""A session ends when its playlist was not asked for during this time."""
READY_S = 25.0
"""How long a box may take to send the first picture."""
BLOCK_S = 6.0
"""How long a request waits for what is not there yet."""
MOST_WAITING = 8
"""Requests of one session that wait at the same time."""
AHEAD = 2
"""Segments beyond the newest that a request may wait for (draft-pantos-hls-rfc8216bis, section 6.2.5.2)."""


@dataclass(eq=False)
class HlsSession:
    """One player's session. `changed` is replaced after each picture that completes something."""

    secret: str
    asked_ns: int
    window: HlsWindow = field(default_factory=HlsWindow, init=False)
    reader: Fmp4Reader = field(default_factory=Fmp4Reader, init=False)
    init: bytes = field(default=b"", init=False)
    changed: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    task: asyncio.Task[None] | None = field(default=None, init=False)
    _waiting: int = field(default=0, init=False)

    def tell(self) -> None:
        """Let all who wait look again."""
        self.changed.set()
        self.changed = asyncio.Event()

    async def until(self, true: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until something is so; False: it did not become so, or too many wait."""
        if true():
            return True
        if self._waiting >= MOST_WAITING:
            return False
        self._waiting += 1
        try:
            async with asyncio.timeout(timeout_s):
                while not true():
                    await self.changed.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
        return True


@dataclass
class HlsSessions:
    """All sessions. Belongs to the event loop.

    Args:
        streams: Open live views.
        secret: Makes the secret of a session.
    """

    streams: ConsumerStreams
    secret: Callable[[], str]
    _sessions: dict[str, HlsSession] = field(default_factory=dict, init=False)

    async def begin(self, asked: Opening) -> HlsSession:
        """A new session, once its first picture is there.

        Raises:
            PaifangError: As `ConsumerStreams.open`.
            CommandError: There is no picture.
        """
        session = HlsSession(self.secret(), self.streams.clock.monotonic_ns())
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        session.task = asyncio.create_task(self._run(session, asked, ready))
        self._sessions[session.secret] = session
        try:
            async with asyncio.timeout(READY_S):
                await asyncio.shield(ready)
        except TimeoutError as error:
            session.task.cancel()
            raise CommandError("the camera sends no picture") from error
        except asyncio.CancelledError:
            session.task.cancel()
            raise
        return session

    def find(self, secret: str) -> HlsSession | None:
        """The session of a secret; None: there is none, or it has ended."""
        return self._sessions.get(secret)

    async def _run(self, session: HlsSession, asked: Opening, ready: asyncio.Future[None]) -> None:
        try:
            async with self.streams.open(asked) as stream:
                idle = asyncio.create_task(self._expire(session, stream, ready))
                try:
                    await self._read(session, stream, ready)
                finally:
                    idle.cancel()
            _settle(ready, CommandError(stream.problem or "the camera sends no picture"))
            session.window.close()
            session.tell()
            if not stream.over.is_set():
                await asyncio.sleep(IDLE_S)  # a player still asks for the last segments
        except PaifangError as error:
            _settle(ready, error)
            _log.warning("a stream ended", camera=asked.key.camera, output="hls", problem=str(error))
        finally:
            self._sessions.pop(session.secret, None)
            session.tell()
            ready.cancel()

    async def _read(self, session: HlsSession, stream: ConsumerStream, ready: asyncio.Future[None]) -> None:
        async for message in stream.messages():
            unit = session.reader.read(message)
            if unit is None:
                session.init = message[HEAD:]
                continue
            session.window.add(message[HEAD:], unit)
            _settle(ready, None)
            session.tell()

    async def _expire(self, session: HlsSession, stream: ConsumerStream, ready: asyncio.Future[None]) -> None:
        await asyncio.wait([ready])  # a box may take longer than that to connect
        session.asked_ns = self.streams.clock.monotonic_ns()
        while self.streams.clock.monotonic_ns() - session.asked_ns < IDLE_S * SECOND_NS:
            await asyncio.sleep(1.0)
        stream.end("its playlist was not asked for any more")


def _settle(ready: asyncio.Future[None], error: PaifangError | None) -> None:
    with contextlib.suppress(asyncio.InvalidStateError):
        if error is None:
            ready.set_result(None)
        else:
            ready.set_exception(error)
            ready.exception()  # nobody may wait for it any more
