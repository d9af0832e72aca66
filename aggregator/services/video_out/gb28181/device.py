"""A device at a platform: resolves and checks its address, connects, runs the agent, sends pictures. One event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import partial

from aggregator.services.video_out.gb28181.platform import Platform, resolved
from aggregator.services.video_out.gb28181.sip.agent import Agent, Send
from aggregator.services.video_out.gb28181.sip.calls import Call, CloseMedia, Effect, OpenMedia, StartMedia
from aggregator.services.video_out.gb28181.sip.queries import Queries
from aggregator.services.video_out.gb28181.sip.registration import State
from aggregator.services.video_out.gb28181.sip.requests import Requests
from aggregator.services.video_out.gb28181.sip.transport import SipLink, connect
from aggregator.services.video_out.gb28181.source import VideoSource
from aggregator.services.video_out.gb28181.stream.media_link import link_of, stream
from common import logging_setup
from common.clock import SECOND_NS, Clock, local_time
from common.errors import FeedError, PaifangError
from common.running.backoff import Backoff

_log = logging_setup.get("gb28181")
CAMERAS_S = 30.0
"""How old the catalogue may be; it is read again at once where a consumer changes."""
END_S = 1.0
"""For the answer to the end of the registration."""
MOST_UNREAD = 1 << 20
"""Bytes of messages that have not been read; what comes then is dropped."""
FIRST_PAUSE_S, REFUSED_PAUSE_S, LONGEST_PAUSE_S = 5.0, 60.0, 300.0
"""Between registrations that fail; platforms lock out a device whose password is wrong too often."""


@dataclass(eq=False)
class _Media:
    task: asyncio.Task[None]
    start: asyncio.Event


@dataclass
class Gb28181Device:
    """Keeps a device registered at a platform, and sends it pictures.

    Args:
        platform: Where.
        source: Cameras and pictures.
        clock: Both clocks.
        random: Makes random bytes.
        zone: Of the times that the platform is told.
        version: Of the software.

    Attributes:
        state: Of the registration.
        problem: Why it is not registered.
        strangers: Datagrams from elsewhere, which were dropped.
    """

    platform: Platform
    source: VideoSource
    clock: Clock
    random: Callable[[int], bytes]
    zone: tzinfo
    version: str
    state: State = field(default="connecting", init=False)
    problem: str = field(default="", init=False)
    strangers: int = field(default=0, init=False)
    _changed: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _session: _Session | None = field(default=None, init=False)

    async def run(self) -> None:
        """Until it is cancelled; then calls and registration are ended."""
        pauses = Backoff(lambda: int.from_bytes(self.random(4), "big") / (1 << 32), FIRST_PAUSE_S, LONGEST_PAUSE_S)
        while True:
            try:
                await self.run_once(pauses.reset)
            except (OSError, PaifangError) as error:
                self._lost(str(error) or "no connection in time")
            except Exception:
                _log.exception("registration failed", device=self.platform.account.device)
                self._lost("internal error; the log says more")
            pause_s = max(pauses.next_s(), REFUSED_PAUSE_S if self.state == "refused" else 0.0)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), pause_s)

    def check(self) -> None:
        """What the platform may get has changed: look at once."""
        self._changed.set()
        if self._session is not None:
            self._session.check()

    async def run_once(self, registered: Callable[[], None] = lambda: None) -> None:
        """Connect, register, and serve the platform until the registration is lost.

        Args:
            registered: Called when the device is registered.

        Raises:
            FeedError: The platform refused, does not answer, or may not be connected to; or it may get nothing now.
            OSError: It cannot be reached.
        """
        self.state = "connecting"
        self._changed.clear()
        await self.source.cameras()
        session = self._session = _Session(self, await resolved(self.platform))
        try:
            await session.open()
            await session.serve(registered)
        finally:
            self._session = None
            await session.close()

    def now_s(self) -> float:
        """Monotonic, seconds."""
        return self.clock.monotonic_ns() / SECOND_NS

    def _lost(self, problem: str) -> None:
        self.problem, self.state = problem, self.state if self.state == "refused" else "lost"
        _log.warning("registration lost", device=self.platform.account.device, problem=problem)


class _Session:
    """One connection of a device.

    Args:
        device: Its settings and parts.
        addresses: Of the platform, then of its media hosts; all are permitted.
    """

    def __init__(self, device: Gb28181Device, addresses: list[str]) -> None:
        self._device, self._addresses = device, addresses
        self._inbox: asyncio.Queue[Callable[[float], None]] = asyncio.Queue()
        self._media: dict[Call, _Media] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._link: SipLink | None = None
        self._problem = ""
        self._cameras_s, self._unread = 0.0, 0

    def check(self) -> None:
        self._cameras_s = 0.0
        self._inbox.put_nowait(lambda _: None)

    async def open(self) -> None:
        device = self._device
        platform, account = device.platform, device.platform.account
        self._link = await connect(account.transport, (self._addresses[0], platform.port), self._heard, self._lost)
        requests = Requests(account, self._link.host, self._link.port, device.random)
        queries = Queries(account, device.version, lambda: local_time(device.clock.wall_ns(), device.zone))
        self._requests = requests
        self._agent = Agent(requests, queries, lambda host: host in self._addresses, self._addresses[0])

    async def serve(self, registered: Callable[[], None]) -> None:
        device, agent = self._device, self._agent
        agent.registration.begin(device.now_s())
        while True:
            now_s = device.now_s()
            if now_s >= self._cameras_s:
                self._cameras_s = now_s + CAMERAS_S
                agent.set_channels(await device.source.cameras())
            agent.tick(now_s)
            self._apply(agent.take())
            if agent.registration.state != device.state:
                device.state = agent.registration.state
                if device.state == "registered":
                    device.problem = ""
                    registered()
            if self._problem or device.state in ("lost", "refused"):
                raise FeedError(self._problem or agent.registration.problem)
            with suppress(TimeoutError):
                work = await asyncio.wait_for(self._inbox.get(), max(0.0, min(agent.due_s(), self._cameras_s) - now_s))
                work(device.now_s())

    async def close(self) -> None:
        """End calls at once, then the registration, for which the platform has a second to answer."""
        if self._link is None:
            return
        self._agent.stop(self._device.now_s())
        with suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                while self._agent.registration.ending and not self._problem:
                    self._apply(self._agent.take())
                    (await self._inbox.get())(self._device.now_s())
        self._apply(self._agent.take())
        self._link.close()
        await asyncio.gather(*self._ending, *(it.task for it in self._media.values()), return_exceptions=True)

    def _heard(self, data: bytes, port: int) -> None:
        if self._unread + len(data) <= MOST_UNREAD:
            self._unread += len(data)
            self._inbox.put_nowait(partial(self._receive, data, port))

    def _receive(self, data: bytes, port: int, now_s: float) -> None:
        self._unread -= len(data)
        self._agent.receive(data, port, now_s)

    def _lost(self, reason: str) -> None:
        self._problem = reason
        self._inbox.put_nowait(lambda _: None)

    def _apply(self, effects: Iterable[Send | Effect]) -> None:
        assert self._link is not None
        self._device.strangers = self._link.strangers
        for effect in effects:
            match effect:
                case Send(data, port):
                    self._link.send(data, port)
                case OpenMedia(call):
                    start = asyncio.Event()
                    self._media[call] = _Media(asyncio.create_task(self._run_media(call, start)), start)
                case StartMedia(call):
                    self._media[call].start.set()
                case CloseMedia(call):
                    task = self._media.pop(call).task
                    task.cancel()
                    self._ending.add(task)
                    task.add_done_callback(self._ending.discard)

    async def _run_media(self, call: Call, start: asyncio.Event) -> None:
        link, calls = link_of(call.media, self._requests.host), self._agent.calls
        receiver = f"{call.media.address} port {call.media.port}"
        try:
            port = await link.open()
            self._inbox.put_nowait(lambda now_s: calls.ready(call, port, now_s))
            await start.wait()
            sequence = int.from_bytes(self._device.random(2), "big")
            async with aclosing(self._device.source.units(call.channel, receiver)) as pictures:
                await stream(call, link, pictures, sequence)
        except (OSError, PaifangError) as error:
            _log.warning("stream ended", channel=call.channel, problem=str(error) or type(error).__name__)
        finally:
            link.close()
            self._inbox.put_nowait(lambda now_s: calls.finish(call, now_s))
