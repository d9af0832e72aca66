"""The connection to a platform for SIP: UDP or TCP, to one address that was checked. Others are not heard."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol, cast

from aggregator.services.video_out.gb28181.sip.message import Framer
from aggregator.services.video_out.gb28181.sip.requests import Transport
from common.errors import ContractError

CONNECT_S = 10.0
MOST_UNSENT = 1 << 20
_CHUNK = 16_384
Heard = Callable[[bytes, int], None]
"""Takes a message and the port that it came from."""
Lost = Callable[[str], None]
"""Takes the reason; nothing is heard any more."""


class SipLink(Protocol):
    """An open connection.

    Attributes:
        host: Our IP address.
        port: Our port.
        strangers: Datagrams from other addresses, which were dropped.
    """

    host: str
    port: int
    strangers: int

    def send(self, data: bytes, port: int | None) -> None:
        """Send a message; None: to the platform's port for SIP."""

    def close(self) -> None:
        """Close it."""


async def connect(transport: Transport, peer: tuple[str, int], heard: Heard, lost: Lost) -> SipLink:
    """Connect to a platform.

    Args:
        transport: For SIP.
        peer: The platform's IP address and port.
        heard: Gets messages.
        lost: Called when a TCP connection ends.

    Raises:
        OSError: It cannot be reached.
    """
    if transport == "udp":
        local = _local_host(peer)
        made = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _UdpLink(peer, heard), local_addr=(local, 0)
        )
        return made[1]
    async with asyncio.timeout(CONNECT_S):
        reader, writer = await asyncio.open_connection(*peer)
    return _TcpLink(reader, writer, heard, lost)


def _local_host(peer: tuple[str, int]) -> str:
    """Our address on the way to a peer; nothing is sent."""
    with socket.socket(socket.AF_INET6 if ":" in peer[0] else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(peer)
        return str(probe.getsockname()[0])


class Datagrams(asyncio.DatagramProtocol):
    """A socket for datagrams.

    Attributes:
        full: The system takes no more; what is sent now is dropped.
    """

    full = False

    def pause_writing(self) -> None:
        """The buffer is full."""
        self.full = True

    def resume_writing(self) -> None:
        """It has room again."""
        self.full = False


class _UdpLink(Datagrams):
    def __init__(self, peer: tuple[str, int], heard: Heard) -> None:
        self._peer, self._heard = peer, heard
        self.host, self.port, self.strangers = "", 0, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.host, self.port = transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if addr[0] == self._peer[0]:
            self._heard(data, addr[1])
        else:
            self.strangers += 1

    def send(self, data: bytes, port: int | None) -> None:
        if not self.full:
            self._transport.sendto(data, (self._peer[0], port or self._peer[1]))

    def close(self) -> None:
        self._transport.close()


class _TcpLink:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Heard, lost: Lost) -> None:
        self._writer, self._port = writer, int(writer.get_extra_info("peername")[1])
        self.host, self.port = writer.get_extra_info("sockname")[:2]
        self.strangers = 0
        self._task = asyncio.create_task(self._read(reader, heard, lost))

    async def _read(self, reader: asyncio.StreamReader, heard: Heard, lost: Lost) -> None:
        framer, reason = Framer(), "the platform closed the connection"
        try:
            while data := await reader.read(_CHUNK):
                for message in framer.feed(data):
                    heard(message, self._port)
        except (ContractError, OSError) as error:
            reason = f"the connection failed: {error}"
        lost(reason)

    def send(self, data: bytes, port: int | None) -> None:  # noqa: ARG002 - the connection is the way back
        if self._writer.transport.get_write_buffer_size() < MOST_UNSENT:
            self._writer.write(data)

    def close(self) -> None:
        self._task.cancel()
        self._writer.close()
