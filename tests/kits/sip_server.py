"""The superior platform of `sip_platform` on real sockets, and receivers for its pictures."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import cast

from sip_platform import SuperiorPlatform, read_sip

LIMIT_S = 30.0
"""Far beyond what anything here takes."""


async def until(condition: Callable[[], object]) -> None:
    """Until a condition holds; fails after a limit."""
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.005)


@dataclass
class Served(asyncio.DatagramProtocol):
    """A platform that listens; `send` sends a message to the device."""

    platform: SuperiorPlatform
    port: int = 0
    send: Callable[[bytes], None] = lambda _: None
    strangers_sent: list[bytes] = field(default_factory=list)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.send = lambda message: self._transport.sendto(message, addr)
        for answer in self.platform.receive(data):
            self.send(answer)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A connection over TCP; messages are sent in two parts, so that they arrive cut."""

        def send(message: bytes) -> None:
            writer.write(message[:50])
            writer.write(message[50:])

        self.send, held = send, b""
        while data := await reader.read(1_000):
            held += data
            while message := _whole(held):
                held = held[len(message) :]
                for answer in self.platform.receive(message):
                    send(answer)
        writer.close()

    @property
    def device_port(self) -> int:
        """Where the device hears."""
        contact = self.platform.requests[0]["Contact"]
        return int(contact.partition("@")[2].partition(":")[2].rstrip(">").partition(";")[0])


def _whole(held: bytes) -> bytes:
    """The first message of a stream, if it is complete."""
    head, found, body = held.partition(b"\r\n\r\n")
    if not found:
        return b""
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    message = head + found + body[:length]
    return message if len(body) >= length and read_sip(message) else b""


@contextlib.asynccontextmanager
async def served(platform: SuperiorPlatform, transport: str) -> AsyncIterator[Served]:
    made = Served(platform)
    if transport == "udp":
        socket_, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: made, local_addr=("127.0.0.1", 0)
        )
        yield made
        socket_.close()
        return
    server = await asyncio.start_server(made.connected, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()


def datagram_receiver() -> tuple[int, Callable[[], list[bytes]], socket.socket]:
    """Port, what has come since the last call, and the socket."""
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    taken.bind(("127.0.0.1", 0))
    taken.setblocking(False)

    def come() -> list[bytes]:
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(taken.recv(65_535))
        return found

    return taken.getsockname()[1], come, taken
