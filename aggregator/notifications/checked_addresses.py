"""Resolves a name once and checks what it resolves to, so that exactly that is connected to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial

from aggregator.notifications.addresses import named, permitted

PRIVATE = "the host is in a private network"


class AddressForbidden(Exception):
    """The host lies in a network that may not be connected to."""


async def permitted_addresses(
    host: str, port: int, networks: Sequence[str], resolvers: Executor | None, *, only_named: bool
) -> list[str]:
    """The addresses of a host that may be connected to; never empty.

    Args:
        host: A name or an address.
        port: For the resolver.
        networks: Private networks that may be connected to.
        resolvers: Threads that resolve names: a hostile name server may keep one waiting for half a minute.
            None: those of the event loop.
        only_named: Nothing else may.

    Raises:
        AddressForbidden: None of them is permitted.
        OSError: The name cannot be resolved.
    """
    resolve = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(resolvers, resolve)
    may = named if only_named else permitted
    allowed = [address for address in dict.fromkeys(str(it[4][0]) for it in found) if may(address, networks)]
    if not allowed:
        raise AddressForbidden(PRIVATE)
    return allowed
