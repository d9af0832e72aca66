"""The way of pictures to a platform: RTP over UDP, over TCP that we connect, or over TCP that the platform connects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Protocol

from aggregator.services.video_out.access_unit import AccessUnit
from aggregator.services.video_out.gb28181.sip.calls import Call
from aggregator.services.video_out.gb28181.sip.offer import Offer
from aggregator.services.video_out.gb28181.sip.transport import Datagrams
from aggregator.services.video_out.gb28181.stream.program_stream import packs
from aggregator.services.video_out.gb28181.stream.rtp import RtpPackets, framed

CONNECT_S, SEND_S = 10.0, 5.0
MOST_REFUSED = 100
"""Datagrams that the platform's machine refused: nobody listens there any more."""


class MediaLink(Protocol):
    """Takes packets of one call."""

    async def open(self) -> int:
        """Bind a port; 0: none is needed.

        Raises:
            OSError: It cannot be had.
        """

    async def start(self) -> None:
        """Connect, or wait for the platform.

        Raises:
            OSError: Nobody is there; TimeoutError is one.
        """

    async def send(self, packets: Iterable[bytes]) -> None:
        """Send the packets of a picture.

        Raises:
            OSError: The platform does not take them.
        """

    def close(self) -> None:
        """Close it."""


def link_of(offer: Offer, host: str) -> MediaLink:
    """The way that an offer asks for.

    Args:
        offer: Its address is permitted.
        host: Our IP address.
    """
    return _UdpMedia(offer, host) if offer.transport == "udp" else _TcpMedia(offer, host)


async def stream(call: Call, link: MediaLink, pictures: AsyncIterator[AccessUnit], sequence: int) -> None:
    """Send pictures, from a key picture on, until there are no more.

    Raises:
        OSError: The platform does not take them.
        PaifangError: There are none.
    """
    await link.start()
    packets, begun = RtpPackets(call.media.payload_type, call.ssrc, sequence), False
    async for picture in pictures:
        begun = begun or picture.key
        if begun:
            await link.send(packets.cut(packs(picture), picture.time_90khz))


class _UdpMedia(Datagrams):
    def __init__(self, offer: Offer, host: str) -> None:
        self._offer, self._host, self._refused = offer, host, 0
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> int:
        made = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=(self._host, 0), remote_addr=(self._offer.address, self._offer.port)
        )
        self._transport = made[0]
        return int(self._transport.get_extra_info("sockname")[1])

    async def start(self) -> None:
        pass

    def error_received(self, exc: Exception) -> None:
        self._refused += isinstance(exc, ConnectionRefusedError)

    async def send(self, packets: Iterable[bytes]) -> None:
        assert self._transport is not None
        if self._refused >= MOST_REFUSED:
            raise ConnectionRefusedError
        for packet in packets:
            if not self.full:
                self._transport.sendto(packet)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _TcpMedia:
    def __init__(self, offer: Offer, host: str) -> None:
        self._offer, self._host = offer, host
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None
        self._accepted = asyncio.Event()

    async def open(self) -> int:
        if self._offer.transport == "tcp-connect":
            return 0
        self._server = await asyncio.start_server(self._accept, self._host, 0, backlog=1)
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        async with asyncio.timeout(CONNECT_S):
            if self._server is not None:
                await self._accepted.wait()
            else:
                peer = self._offer.address, self._offer.port
                _, self._writer = await asyncio.open_connection(*peer, local_addr=(self._host, 0))

    def _accept(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._writer is None and writer.get_extra_info("peername")[0] == self._offer.address:
            self._writer = writer
            self._accepted.set()
        else:
            writer.transport.abort()

    async def send(self, packets: Iterable[bytes]) -> None:
        assert self._writer is not None
        self._writer.writelines(map(framed, packets))
        async with asyncio.timeout(SEND_S):
            await self._writer.drain()

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._writer is not None:
            self._writer.transport.abort()
