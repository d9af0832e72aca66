"""Addresses that live video is sent to, and the connection to them. They are somebody else's, so they are hostile.

As for webhooks: a name is resolved once, what it resolves to is checked and connected to; private networks only where
the settings name them, and without TLS nothing but such named networks.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from aggregator.notifications.checked_addresses import PRIVATE, AddressForbidden, permitted_addresses
from aggregator.services.video_out.consumer_streams import Output
from common.errors import FeedError, PushFailed

MOST_ADDRESS = 1_000
PORTS: dict[Output, int] = {"rtmp": 1935, "rtmps": 443, "rtsp": 554, "rtsps": 322}
WITH_TLS = frozenset({"rtmps", "rtsps"})
CONNECT_S = 10.0
MOST_LINE = 4096
"""Bytes of a line that a receiver sends."""
HIGH_WATER = 256 * 1024
"""Bytes that may wait to be sent; beyond that pictures are left out up to the next key picture."""
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class PushTarget:
    """An address in parts; `path` is without its first slash and may have a query."""

    scheme: Output
    host: str
    port: int
    path: str
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def base(self) -> str:
        """The address without path, user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def parse(address: str, networks: Sequence[str]) -> PushTarget:
    """An address that may be stored.

    Raises:
        FeedError: It may not; the text does not repeat it: it may hold secrets.
    """
    try:
        parts = urlsplit(address)
        scheme, port = next((it for it in PORTS if it == parts.scheme), None), parts.port
    except ValueError:
        parts, scheme, port = urlsplit(""), None, None
    if scheme is None or not parts.hostname or len(address) > MOST_ADDRESS or not address.isascii():
        raise FeedError(f"address: it must begin with one of {', '.join(f'{it}://' for it in PORTS)}, and be ASCII")
    if not address.isprintable() or " " in address or parts.fragment:
        raise FeedError("address: it must have no spaces, control characters or fragment")
    path = parts.path.removeprefix("/") + (f"?{parts.query}" if parts.query else "")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not (user + password).isprintable():
        raise FeedError("address: user and password must have no control characters")
    if scheme.startswith("rtmp"):
        if user or password:
            raise FeedError("address: RTMP has no user and password; put the key of the stream into the path")
        if "/" not in parts.path.strip("/"):
            raise FeedError("address: RTMP needs an application and a stream, as rtmps://host/application/stream")
    if scheme not in WITH_TLS and not networks:
        raise FeedError(
            "address: use rtmps:// or rtsps://; without TLS it must be in a network of the setting feeds.networks"
        )
    return PushTarget(scheme, parts.hostname, port or PORTS[scheme], path, user, password)


@contextlib.asynccontextmanager
async def connected(
    target: PushTarget, networks: Sequence[str], resolvers: Executor, tls: Callable[[], ssl.SSLContext]
) -> AsyncIterator[Stream]:
    """A connection while the block runs; it is cut without waiting.

    Args:
        target: Where to.
        networks: Private networks that may be connected to.
        resolvers: Threads that resolve names and read certificates.
        tls: Makes the context of TLS; blocks.

    Raises:
        PushFailed: There is none.
    """
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await _open(target, networks, resolvers, tls)
    except AddressForbidden as error:
        raise PushFailed(PRIVATE) from error
    except TimeoutError as error:
        raise PushFailed(f"no connection within {CONNECT_S:.0f} s") from error
    except OSError as error:
        raise PushFailed(f"no connection ({type(error).__name__})") from error
    writer.transport.set_write_buffer_limits(HIGH_WATER)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def _open(
    target: PushTarget, networks: Sequence[str], resolvers: Executor, tls: Callable[[], ssl.SSLContext]
) -> Stream:
    with_tls = target.scheme in WITH_TLS
    allowed = await permitted_addresses(target.host, target.port, networks, resolvers, only_named=not with_tls)
    context = await asyncio.get_running_loop().run_in_executor(resolvers, tls) if with_tls else None
    problem: OSError = ConnectionError()
    for address in allowed:
        try:
            return await asyncio.open_connection(
                address, target.port, ssl=context, server_hostname=target.host if context else None, limit=MOST_LINE
            )
        except OSError as error:
            problem = error
    raise problem
