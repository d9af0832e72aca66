"""The socket of a connection that FFmpeg opened, so that it can be asked whether something has come.

FFmpeg tells of a picture when the next one begins, and does not say which socket it reads. Linux only (`/proc`).
"""

from __future__ import annotations

import os
import select
import socket
from contextlib import suppress
from pathlib import Path

_OPEN = Path("/proc/self/fd")


def connections(host: str, port: int) -> dict[str, int]:
    """This process's TCP connections to a peer.

    Returns:
        The socket's identity → its descriptor; empty where the name cannot be resolved.
    """
    found: dict[str, int] = {}
    try:
        peers = {it[4][:2] for it in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        names = os.listdir(_OPEN)
    except (OSError, UnicodeError):
        return found
    for name in names:
        with suppress(OSError):
            identity = os.readlink(_OPEN / name)
            if identity.startswith("socket:") and _peer(int(name)) in peers:
                found[identity] = int(name)
    return found


def _peer(descriptor: int) -> tuple[str, int] | None:
    with socket.socket(fileno=os.dup(descriptor)) as copy:
        if copy.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        host, port = copy.getpeername()[:2]
        return str(host), int(port)


def is_ours(address: tuple[str, int]) -> bool:
    """Whether the TCP connection from `address` on this machine was opened by this process."""
    for name in os.listdir(_OPEN):
        with suppress(OSError):
            if os.readlink(_OPEN / name).startswith("socket:") and _local(int(name)) == address:
                return True
    return False


def _local(descriptor: int) -> tuple[str, int] | None:
    with socket.socket(fileno=os.dup(descriptor)) as copy:
        if copy.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        host, port = copy.getsockname()[:2]
        return str(host), int(port)


class Watched:
    """A duplicate of one connection's descriptor, to wait on.

    Args:
        descriptor: Of the connection; it is duplicated.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = os.dup(descriptor)
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)

    def wait(self, timeout_s: float) -> bool:
        """Whether something came, or the connection ended, within `timeout_s`."""
        return bool(self._poll.poll(timeout_s * 1000))

    def close(self) -> None:
        """Close the duplicate."""
        os.close(self._descriptor)


def opened_since(before: dict[str, int], host: str, port: int) -> Watched | None:
    """The one connection to a peer that was not there before; None where there are none or several."""
    new = [descriptor for name, descriptor in connections(host, port).items() if name not in before]
    with suppress(OSError):
        return Watched(new[0]) if len(new) == 1 else None
    return None
