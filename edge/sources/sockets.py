"""Finds the socket of a connection that FFmpeg opened, to check whether data has arrived.

FFmpeg tells of a picture when the next one begins, and does not say which socket it reads. Linux only (`/proc`).
"""

from __future__ import annotations

import os
import select
import socket
import threading
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

_OPEN = Path("/proc/self/fd")


_CONNECT_S = 2.0
"""Threads that connect to one peer wait for one another for at most this long."""
_PAUSES_S = (0.002, 0.005, 0.01, 0.02, 0.05, *[0.1] * 19)
"""Between two searches for a new connection; about two seconds together."""
_locks: defaultdict[tuple[str, int], threading.Lock] = defaultdict(threading.Lock)


class NewConnection:
    """A context in which one TCP connection to a peer is opened by FFmpeg, and found.

    Threads of this process that open connections to the same peer, as for the channels of one recorder, go one after
    another until the connection is there, so that each finds its own. The searching ends after about 2 s.

    Args:
        host: Name or address.
        port: TCP port.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._opened = threading.Event()
        self._found: tuple[str, int] | None = None
        self._search: threading.Thread | None = None

    def __enter__(self) -> NewConnection:
        """Wait for other threads, and begin to search."""
        lock = _locks[self._host, self._port]
        if not lock.acquire(timeout=_CONNECT_S):
            return self
        peers = _addresses(self._host, self._port)
        before = _connections(peers)

        def search() -> None:
            try:
                for pause_s in _PAUSES_S:
                    opened = self._opened.wait(pause_s)
                    new = [it for it in _connections(peers).items() if it[0] not in before]
                    if new:
                        self._found = new[0]
                    if new or opened:
                        return
            finally:
                lock.release()

        self._search = threading.Thread(target=search, name="find-connection", daemon=True)
        self._search.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the search."""
        self._opened.set()
        if self._search is not None:
            self._search.join()

    def watched(self) -> Watched | None:
        """The connection; None where it was not found, or FFmpeg has replaced it."""
        if self._found is None:
            return None
        identity, descriptor = self._found
        with suppress(OSError):
            if os.readlink(_OPEN / str(descriptor)) == identity:
                return Watched(descriptor)
        return None


def _addresses(host: str, port: int) -> set[tuple[str, int]]:
    with suppress(OSError, UnicodeError):
        return {(str(it[4][0]), int(it[4][1])) for it in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    return set()


def _connections(peers: set[tuple[str, int]]) -> dict[str, int]:
    """This process's TCP connections to a peer's addresses: the socket's identity → its descriptor."""
    found: dict[str, int] = {}
    names: list[str] = []
    with suppress(OSError):
        names = os.listdir(_OPEN)
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
        self._socket = socket.socket(fileno=os.dup(descriptor))
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def wait(self, timeout_s: float) -> bool:
        """Whether something came, or the connection ended, within `timeout_s`."""
        return bool(self._poll.poll(timeout_s * 1000))

    def gather(self, size: int, timeout_s: float) -> None:
        """Wait until `size` bytes have come, the connection ended, or `timeout_s` is over.

        Linux only: `SO_RCVLOWAT` counts in `poll` (tcp(7), socket(7)). The kernel makes the receive buffer larger
        where `size` needs it, so the other side is not held up.
        """
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)
        try:
            self._poll.poll(timeout_s * 1000)
        finally:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)

    def close(self) -> None:
        """Close the duplicate."""
        self._socket.close()
