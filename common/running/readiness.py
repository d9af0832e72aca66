"""Waits for sockets with poll(2): select(2) fails where a descriptor is 1,024 or more."""

from __future__ import annotations

import select
from typing import Protocol, TypeVar


class HasDescriptor(Protocol):
    """A socket, or what can be waited on like one."""

    def fileno(self) -> int:
        """Its descriptor."""


File = TypeVar("File", bound=HasDescriptor)


def wait_readable(timeout_s: float, *files: File) -> list[File]:
    """Wait until some of `files` can be read, or have ended; those, in their order.

    Raises:
        ValueError: One of them is closed.
    """
    ready = _polled(timeout_s, {file.fileno(): select.POLLIN for file in files})
    return [file for file in files if ready.get(file.fileno())]


def wait_ready(timeout_s: float, file: HasDescriptor, *, write: bool) -> tuple[bool, bool]:
    """Wait until a file can be read, or, where asked for, written; whether it can be each of both.

    Raises:
        ValueError: It is closed.
    """
    found = _polled(timeout_s, {file.fileno(): select.POLLIN | (select.POLLOUT if write else 0)})
    events = found.get(file.fileno(), 0)
    return bool(events & ~select.POLLOUT), bool(events & select.POLLOUT)


def _polled(timeout_s: float, wanted: dict[int, int]) -> dict[int, int]:
    poll = select.poll()
    for descriptor, events in wanted.items():
        poll.register(descriptor, events)
    return dict(poll.poll(max(0.0, timeout_s) * 1000))
