"""The command `live`: a redacted view is sent outwards over a WebSocket while the aggregator wants it.

With a range the view is of footage that was kept. The aggregator ends a view by closing the socket. It ends by itself
when the socket dies, when nobody has said for `PATIENCE_S` that it is still wanted, when the camera is gone, and when
the range is over: then, and only then, the socket is closed with code 1000.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from common import logging_setup
from common.clock import SECOND_NS, Clock
from common.errors import FootageRefused, PaifangError
from common.jobs.engine import Attempt
from common.jobs.job import Policy
from edge.jobs.live.live_encoder import RATE, Openable, View
from edge.redaction.live_redactor import KEEP_S, LiveRedactor
from protocol.commands import Command
from protocol.live_frames import LONGEST_NS, PATIENCE_S, pack
from protocol.problems import close_code, code_of
from protocol.signing.upload_tokens import SCHEME, live_path, unseal

_log = logging_setup.get("live")
MOST = 3
"""Views at a time; each may send its share of the cap."""
OPEN_S = 5.0
LEAD = round(RATE * KEEP_S)
"""Frames that are searched before one of kept footage leaves: what was not live need not be covered too late."""
GOING_AWAY = 1001


@dataclass(frozen=True)
class Aggregator:
    """Where views are sent.

    Attributes:
        url: The aggregator's address.
        tls: Certificates to trust; None: the system's.
        site_key: Opens what is sealed for the site.
    """

    url: str
    tls: ssl.SSLContext | None
    site_key: bytes


@dataclass(frozen=True)
class ViewSources:
    """What can be viewed.

    Attributes:
        cameras: Id → opener of the watched stream.
        kept: Opens a stretch of a camera's footage; None: nothing is recorded.
    """

    cameras: Mapping[str, Openable]
    kept: Callable[[str, int, int], Openable] | None = None

    def opener(self, command: Command) -> Openable:
        """Opens what a command asks for.

        Raises:
            FootageRefused: There is no such camera, nothing is recorded, or the range is too long.
            FootageError: There is no footage in the range.
        """
        if command.to_ns:
            if self.kept is None:
                raise FootageRefused("this box records nothing", sentence="footage.off")
            if not 0 < command.to_ns - command.from_ns <= LONGEST_NS:
                raise FootageRefused("at most ten minutes are played at once", sentence="footage.range")
            return self.kept(command.target, command.from_ns, command.to_ns)
        if command.target not in self.cameras:
            raise FootageRefused(f"there is no camera '{command.target}'", sentence="camera.unknown")
        return self.cameras[command.target]


@dataclass
class LiveStreamHandler:
    """An `edge.jobs.command_jobs.JobHandler` that sends live views.

    Args:
        aggregator: Where views are sent.
        sources: What can be viewed.
        redactor: Opens what covers a view of so many frames a second, with such a lead (`LiveRedactor`).
        kbps: Most that all views together may send.
        clock: Monotonic time.
    """

    aggregator: Aggregator
    sources: ViewSources
    redactor: Callable[[float, int], LiveRedactor]
    kbps: int
    clock: Clock
    policy: ClassVar[Policy] = Policy(parallel=MOST, most_open=MOST, durable=False)

    def clean(self, open_jobs: frozenset[str]) -> None:
        """A view has no files."""

    def discard(self, job_id: str) -> None:
        """A view has no files."""

    def check(self, command: Command) -> None:
        """Refuse what cannot be done.

        Raises:
            FootageRefused: There is no such camera, nothing is recorded, or the range is too long.
            FootageError: There is no footage in the range.
            ContractError: Its ticket is not this site's.
        """
        unseal(self.aggregator.site_key, command.job, command.ticket)
        self.sources.opener(command)

    def run(self, command: Command, attempt: Attempt) -> None:
        """Send the stream until it is not wanted any more.

        Raises:
            PaifangError: The camera is lost, or the footage cannot be played.
        """
        ticket, opener = unseal(self.aggregator.site_key, command.job, command.ticket), self.sources.opener(command)
        lead = LEAD if command.to_ns else 0
        _log.info("live view begins", camera=command.target, job=command.job)
        try:
            with self._connected(command.job, ticket) as socket:
                view = View(opener, self.redactor(RATE, lead), max(1, self.kbps // MOST))
                try:
                    if problem := self._send(socket, view, attempt.stop):
                        number = close_code("box.stopping") if attempt.stop.is_set() else GOING_AWAY
                        socket.close(number, problem)
                except PaifangError as error:
                    socket.close(close_code(code_of(error)), str(error).encode()[:120].decode("utf-8", "ignore"))
                    raise
        except (WebSocketException, OSError) as error:
            problem = str(error) or type(error).__name__
        _log.info("live view ended", camera=command.target, job=command.job, problem=problem)

    def _connected(self, job: str, ticket: str) -> ClientConnection:
        where = "ws" + self.aggregator.url.removeprefix("http") + live_path(job)
        return connect(
            where,
            ssl=self.aggregator.tls if where.startswith("wss") else None,
            additional_headers={"Authorization": f"{SCHEME} {ticket}"},
            open_timeout=OPEN_S,
            close_timeout=1,
            compression=None,
            proxy=None,
            max_size=1024,
        )

    def _send(self, socket: ClientConnection, view: View, stop: threading.Event) -> str:
        """Send until the end; returns the reason, empty where all was sent."""
        received_ns = self.clock.monotonic_ns()
        with contextlib.closing(view.pieces()) as frames:
            for pieces in frames:
                for piece in pieces:
                    socket.send(pack(piece))
                with contextlib.suppress(TimeoutError):
                    socket.recv(timeout=0)
                    received_ns = self.clock.monotonic_ns()
                if stop.is_set():
                    return "the box stops"
                if self.clock.monotonic_ns() - received_ns > PATIENCE_S * SECOND_NS:
                    return "nobody said that it is still wanted"
        return ""
