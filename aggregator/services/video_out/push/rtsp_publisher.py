"""Publishes live video to an RTSP server: ANNOUNCE, SETUP, RECORD (RFC 2326), RTP interleaved (section 10.12)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from aggregator.services.video_out.access_unit import AccessUnit
from aggregator.services.video_out.fmp4_reader import CLOCK_HZ, VideoFormat
from aggregator.services.video_out.push import rtsp_messages as wire
from aggregator.services.video_out.push.push_address import PushTarget, Stream
from aggregator.services.video_out.push.rtp_h264 import RtpPacker, describe
from aggregator.services.video_out.push.rtsp_messages import Answer, Credentials
from common.errors import PushFailed

AGENT = "Paifang"
REPORT_S = 5
"""Between two sender reports, seconds of video."""
LONGEST_ALIVE_S = 25.0
"""Between two requests that keep the session alive."""
_SESSION = re.compile(r"([\w$.+\-]{1,200})(?:\s*;\s*timeout=(\d{1,6}))?", re.ASCII)
_CHANNELS = re.compile(r"interleaved=(\d{1,3})-(\d{1,3})", re.ASCII)


@dataclass
class RtspPublisher:
    """One publication.

    Args:
        stream: The connection.
        target: Where to; user and password answer a challenge.
        random: Makes random bytes, for RTP and log-ins.
    """

    stream: Stream
    target: PushTarget
    random: Callable[[int], bytes]
    _credentials: Credentials = field(init=False)
    _rtp: RtpPacker = field(init=False)
    _session: str = field(default="", init=False)
    _alive_s: float = field(default=LONGEST_ALIVE_S, init=False)
    _channels: tuple[int, int] = field(default=(0, 1), init=False)
    _requests: int = field(default=0, init=False)
    _reported: int | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._credentials = Credentials(self.target.user, self.target.password, lambda: self.random(8).hex())
        ssrc, sequence, start = (int.from_bytes(self.random(count)) for count in (4, 2, 4))
        self._rtp = RtpPacker(ssrc, sequence, start)

    @property
    def _url(self) -> str:
        return f"{self.target.base}/{self.target.path}"

    async def begin(self, form: VideoFormat) -> None:
        """Announce the video and begin to record.

        Raises:
            PushFailed: The receiver refuses.
            asyncio.IncompleteReadError: It has closed the connection.
        """
        description = describe(form, int.from_bytes(self.random(4)))
        await self._ask("ANNOUNCE", self._url, {"Content-Type": "application/sdp"}, description)
        transport = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record"}
        answer = await self._ask("SETUP", f"{self._url}/streamid=0", transport)
        session, channels = _SESSION.match(answer.first("session")), _CHANNELS.search(answer.first("transport"))
        if session is None:
            raise PushFailed("the receiver makes no session")
        self._session = session[1]
        self._alive_s = min(LONGEST_ALIVE_S, max(1.0, int(session[2] or 60) / 2))
        if channels is not None:
            self._channels = int(channels[1]) & 255, int(channels[2]) & 255
        await self._ask("RECORD", self._url, {"Range": "npt=0.000-"})

    async def send(self, unit: AccessUnit, time_90khz: int) -> None:
        """Send a picture.

        Args:
            unit: The picture.
            time_90khz: When it is shown, since the first one.
        """
        data = b"".join(_interleaved(self._channels[0], it) for it in self._rtp.packets(unit, time_90khz))
        if self._reported is None or time_90khz - self._reported >= REPORT_S * CLOCK_HZ:
            self._reported = time_90khz
            data += _interleaved(self._channels[1], self._rtp.sender_report(time_90khz, unit.wall_ns))
        self.stream[1].write(data)
        await self.stream[1].drain()

    async def listen(self) -> None:
        """Keep the session alive, until the receiver ends it.

        Raises:
            PushFailed: It does not keep the session.
            asyncio.IncompleteReadError: It has closed the connection.
        """
        beating = asyncio.create_task(self._beat())
        try:
            while True:
                answer = await wire.read(self.stream[0])
                if answer is not None and answer.status in (454, 461):
                    raise PushFailed(f"the receiver ended the session with RTSP {answer.status}")
        finally:
            beating.cancel()

    async def end(self) -> None:
        """Say that there will be no more."""
        self._request("TEARDOWN", self._url, {}, "")
        await self.stream[1].drain()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._alive_s)
            self._request("OPTIONS", self._url, {}, "")

    async def _ask(self, method: str, url: str, headers: dict[str, str], body: str = "") -> Answer:
        """A request and its answer; a challenge is answered once."""
        self._request(method, url, headers, body)
        answer = await self._answer()
        if answer.status == 401 and self._credentials.challenged(answer):
            self._request(method, url, headers, body)
            answer = await self._answer()
        if answer.status == 401:
            raise PushFailed("the receiver refused user and password")
        if not 200 <= answer.status < 300:
            raise PushFailed(f"the receiver answered {method} with RTSP {answer.status}")
        return answer

    async def _answer(self) -> Answer:
        while True:
            answer = await wire.read(self.stream[0])
            if answer is not None and answer.status >= 200:
                return answer

    def _request(self, method: str, url: str, headers: dict[str, str], body: str) -> None:
        self._requests += 1
        sent = {"CSeq": str(self._requests), "User-Agent": AGENT} | headers | self._credentials.header(method, url)
        sent |= {"Session": self._session} if self._session else {}
        sent |= {"Content-Length": str(len(body))} if body else {}
        lines = [f"{method} {url} RTSP/1.0", *(f"{name}: {value}" for name, value in sent.items()), "", body]
        self.stream[1].write("\r\n".join(lines).encode())


def _interleaved(channel: int, packet: bytes) -> bytes:
    return b"$" + bytes([channel]) + len(packet).to_bytes(2) + packet
