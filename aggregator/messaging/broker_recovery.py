"""Opens the link to the embedded broker, and has the broker start over where it keeps refusing our session.

A server that was killed while it wrote a session may answer every later subscription with an error. Its files hold
nothing that cannot be replaced: boxes send again whatever has no receipt, and what is retained is published again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from common.errors import BrokerError

REFUSALS = 5
"""So many failures in a row while the server runs. With the usual delays between them that takes some 15 s."""

Link = TypeVar("Link")


class Server(Protocol):
    """What runs the broker."""

    @property
    def pid(self) -> int | None:
        """Process id of the running server; None: it does not run."""

    def start_over(self) -> None:
        """Set its files aside and start it with empty ones."""


class RecoveringConnect(Generic[Link]):
    """Call it to open a link.

    Args:
        connect: Opens a link or raises `BrokerError`.
        server: The embedded broker.
        refusals: So many failures in a row while the server runs.
    """

    def __init__(self, connect: Callable[[], Link], server: Server, refusals: int = REFUSALS) -> None:
        self._connect, self._server, self._refusals = connect, server, refusals
        self._failed, self._pid = 0, server.pid

    def __call__(self) -> Link:
        """Open a link.

        Raises:
            BrokerError: It cannot be opened now.
        """
        if self._server.pid != self._pid:
            self._failed, self._pid = 0, self._server.pid
        try:
            link = self._connect()
        except BrokerError:
            self._failed += self._pid is not None
            if self._failed >= self._refusals:
                self._failed = 0
                self._server.start_over()
            raise
        self._failed = 0
        return link
