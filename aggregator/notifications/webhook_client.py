"""Makes the requests of webhooks. The address is somebody else's, so it is hostile.

A name is resolved once; what it resolves to is checked and then connected to, so that it cannot change in between.
Private, loopback and link-local addresses are refused unless the settings name their network; plain http goes to such
named networks only. Redirects are not followed. Time, headers and bodies of answers are bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpcore2

from aggregator.domain.feeds.webhook import Attempt
from aggregator.notifications.checked_addresses import PRIVATE, AddressForbidden, permitted_addresses
from aggregator.notifications.retry_after import pause_s
from common.clock import Clock
from common.errors import FeedError

LIMIT_S = 15.0
"""Of an attempt, from resolving the name to the status."""
MOST_BODY = 16 * 1024
"""Of an answer; the rest is not read."""
MOST_ADDRESS = 1_000
MOST_CONNECTIONS = 16
RESOLVER = "webhook-names"
"""Names of threads begin so."""
AGENT = "Paifang webhooks"
_LATER = frozenset({408, 425, 429})
"""4xx that are no refusal."""


class CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to permitted addresses only.

    Args:
        networks: Private networks that may be connected to.
        resolvers: Threads that resolve names: a hostile name server may keep one waiting for half a minute.
        only_named: Nothing else may.
    """

    def __init__(self, networks: Sequence[str], resolvers: Executor, *, only_named: bool) -> None:
        self._networks, self._resolvers, self._only_named = networks, resolvers, only_named
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:  # fmt: skip
        """Connect to what a name resolves to now.

        Raises:
            AddressForbidden: None of it is permitted.
        """
        allowed = await permitted_addresses(host, port, self._networks, self._resolvers, only_named=self._only_named)
        for address in allowed[:-1]:
            with contextlib.suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
        return await self._inner.connect_tcp(allowed[-1], port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None  # noqa: ARG002
    ) -> httpcore2.AsyncNetworkStream:  # fmt: skip
        """Never."""
        raise AddressForbidden(PRIVATE)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


def _resolvers() -> ThreadPoolExecutor:
    """Starts a thread only when it is needed."""
    return ThreadPoolExecutor(MOST_CONNECTIONS, RESOLVER)


@dataclass
class WebhookClient:
    """Belongs to the event loop.

    Args:
        networks: Private networks that may be connected to.
        clock: The present, for `Retry-After` as a date.
        limit_s: Of an attempt.
    """

    networks: Sequence[str]
    clock: Clock
    limit_s: float = LIMIT_S
    _pools: dict[str, httpcore2.AsyncConnectionPool] = field(default_factory=dict, init=False)
    _resolvers: ThreadPoolExecutor = field(default_factory=_resolvers, init=False)

    async def post(self, address: str, headers: Mapping[str, str], body: bytes) -> Attempt:
        """Send a message."""
        try:
            status, answer = await self._request("POST", address, headers, body)
        except FeedError as error:
            return Attempt(False, str(error), refused=str(error) == PRIVATE)
        if 200 <= status < 300:
            return Attempt(True)
        refused = 300 <= status < 500 and status not in _LATER
        pause = pause_s(answer.get("retry-after", "")[:40], self.clock.wall_ns())
        return Attempt(False, f"it answered with HTTP {status}", refused, status == 410, pause)

    async def handshake(self, address: str, origin: str, rate: int) -> int:
        """Ask for the consent of a receiver (CloudEvents HTTP webhook 1.0.2, section 4).

        Returns:
            The requests a minute that it allows; 0: any number.

        Raises:
            FeedError: It does not consent, or cannot be asked.
        """
        asked = {"WebHook-Request-Origin": origin, "WebHook-Request-Rate": str(rate)}
        status, answer = await self._request("OPTIONS", address, asked, b"")
        if not 200 <= status < 300:
            raise FeedError(f"url: it answered the handshake (OPTIONS) with HTTP {status}")
        if answer.get("webhook-allowed-origin", "").strip().lower() not in ("*", origin.lower()):
            raise FeedError(f"url: it does not consent; WebHook-Allowed-Origin must be '{origin}' or '*'")
        allowed = answer.get("webhook-allowed-rate", "*").strip()
        return max(1, int(allowed)) if allowed.isascii() and allowed.isdecimal() and len(allowed) < 9 else 0

    async def close(self) -> None:
        """Close all connections; later requests open new ones."""
        pools, self._pools = self._pools, {}
        resolvers, self._resolvers = self._resolvers, _resolvers()
        resolvers.shutdown(wait=False, cancel_futures=True)
        for pool in pools.values():
            await pool.aclose()

    async def _request(
        self, method: str, address: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str]]:
        """Status and headers of an answer.

        Raises:
            FeedError: There is none; the text does not repeat the address.
        """
        sent = {"User-Agent": AGENT, "Accept": "*/*", "Content-Length": str(len(body))} | dict(headers)
        try:
            async with (
                asyncio.timeout(self.limit_s),
                self._pool(address).stream(
                    method, address, headers=[(name, value) for name, value in sent.items()], content=body
                ) as answer,
            ):
                read = 0
                async for part in answer.aiter_stream():  # so that the connection may be used again
                    read += len(part)
                    if read > MOST_BODY:
                        break
                return answer.status, {
                    name.decode("latin-1").lower(): it.decode("latin-1") for name, it in answer.headers
                }
        except TimeoutError as error:
            raise FeedError(f"no answer within {self.limit_s:.0f} s") from error
        except AddressForbidden as error:
            raise FeedError(PRIVATE) from error
        except (*_FAILURES, OSError, ValueError) as error:
            raise FeedError(f"no answer ({type(error).__name__})") from error

    def _pool(self, address: str) -> httpcore2.AsyncConnectionPool:
        """The pool of a scheme; made when it is first used: reading certificates takes 20 ms."""
        scheme = urlsplit(address).scheme
        if scheme not in self._pools:
            self._pools[scheme] = httpcore2.AsyncConnectionPool(
                network_backend=CheckedBackend(self.networks, self._resolvers, only_named=scheme != "https"),
                max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_CONNECTIONS, keepalive_expiry=15.0,
            )  # fmt: skip
        return self._pools[scheme]


_FAILURES = (
    httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException, httpcore2.UnsupportedProtocol,
)  # fmt: skip


def check_address(address: str, networks: Sequence[str]) -> str:
    """The host of an address that may be stored.

    Raises:
        FeedError: It may not; the text does not repeat it: it may hold a secret.
    """
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if not host or len(address) > MOST_ADDRESS or not address.isascii() or not address.isprintable() or " " in address:
        raise FeedError(f"url: it must be an https:// address of at most {MOST_ADDRESS} characters")
    if parts.username or parts.password or parts.fragment:
        raise FeedError("url: it must have no user, password or fragment; a secret may stand in its path or query")
    if parts.scheme != "https" and not (parts.scheme == "http" and networks):
        raise FeedError("url: it must be an https:// address; http:// is for networks of the setting feeds.networks")
    return host
