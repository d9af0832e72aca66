"""What the tests of views share: the aggregator's end of the socket, and the command that begins one."""

from __future__ import annotations

import io
import secrets
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import av
import numpy as np
from redaction_kit import detail, place
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from common.clock import SECOND_NS
from pipelines.types import Picture
from protocol.commands import Command
from protocol.identifiers import uuid7
from protocol.live_frames import HEAD, KEEP_ALIVE
from protocol.signing.upload_tokens import seal

SITE_KEY, OPEN = secrets.token_bytes(32), 12.0


@dataclass
class Taker:
    """The aggregator's end."""

    server: Server
    url: str
    messages: list[bytes] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    open: list[ServerConnection] = field(default_factory=list)

    def frames(self) -> list[Picture]:
        """Brightness of every picture so far."""
        film = b"".join(message[HEAD:] for message in list(self.messages))
        with av.open(io.BytesIO(film), "r") as container:
            assert container.streams.video[0].codec_context.name == "h264"
            return [np.asarray(it.to_ndarray(format="gray"), np.uint8) for it in container.decode(video=0)]


@contextmanager
def taking(tls: ssl.SSLContext | None = None) -> Iterator[Taker]:
    made: list[Taker] = []

    def take(socket: ServerConnection) -> None:
        assert socket.request is not None
        made[0].asked.append((socket.request.path, socket.request.headers["Authorization"]))
        made[0].open.append(socket)
        socket.send(KEEP_ALIVE)
        try:
            for message in socket:
                assert isinstance(message, bytes)
                made[0].messages.append(message)
        except ConnectionClosed:
            return

    with serve(take, "127.0.0.1", 0, ssl=tls, compression=None) as server:
        scheme = "http" if tls is None else "https"
        made.append(Taker(server, f"{scheme}://127.0.0.1:{server.socket.getsockname()[1]}"))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield made[0]
        server.shutdown()
        thread.join()


def command(target: str = "yard", key: bytes = SITE_KEY) -> Command:
    job = uuid7(1_795_000_000 * SECOND_NS, secrets.token_bytes(10))
    return Command(
        id=job, name="live", target=target, by="li", reason="live view", time_ns=0,
        job=job, ticket=seal(key, job, "the ticket", secrets.token_bytes),
    )  # fmt: skip


def most_open(frame: Picture) -> float:
    """How well the patch shows, wherever it may be."""
    return max(detail(frame, place(number)) for number in range(36))
