"""Ports for servers of the tests, so that processes that run at the same time never take one another's.

Asking the kernel for a free port and closing it again is a race: by the time the server listens, another test may have
it. Here a port stays reserved, by a lock on a file, until the process that asked for it ends.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

FIRST, LAST = 15_000, 32_000
"""Below the range that Linux takes ports of outgoing connections from (ip_local_port_range: from 32,768)."""
_held: list[int] = []


def free_port() -> int:
    """A port that is free on loopback and that no other test takes while this process lives."""
    folder = Path(tempfile.gettempdir()) / f"paifang-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for port in random.sample(range(FIRST, LAST), LAST - FIRST):
        handle = os.open(folder / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if _locked(handle) and _is_free(port):
            _held.append(handle)
            return port
        os.close(handle)
    raise AssertionError(f"no port between {FIRST} and {LAST} is free")


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False
