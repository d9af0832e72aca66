"""uvicorn's HTTP protocol with time-outs for headers, bodies and slow readers, and a limit on open connections."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

CLOSE = "paifang.close"
"""Key in the ASGI scope's `extensions`: a function that closes the connection before the response is complete."""
_logger = logging.getLogger("http_server")
_logger.setLevel(logging.ERROR)


@dataclass(frozen=True)
class ConnectionLimits:
    """Limits of a listener.

    Attributes:
        connections: Open connections; further ones are closed at once.
        header_s: From a connection, or the first byte of a request, to the end of its headers, seconds.
        header_bytes: Size of a request's headers.
        body_s: Without a byte of a body that has begun, seconds.
        write_s: In which the client takes nothing of what waits to be sent, seconds.
        connection_s: From a connection to its end, seconds; None: no limit.
    """

    connections: int
    header_s: float = 10.0
    header_bytes: int = 64 * 1024
    body_s: float = 60.0
    write_s: float = 120.0
    connection_s: float | None = None


class BoundedProtocol(HttpToolsProtocol):
    """HTTP within limits; use a subclass that `with_limits` makes."""

    limits = ConnectionLimits(2_000)
    _timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None
    _end_timer: asyncio.TimerHandle | None = None
    _header_bytes = 0

    @classmethod
    def with_limits(cls, limits: ConnectionLimits) -> type[BoundedProtocol]:
        """The protocol with these limits."""
        return type("Protocol", (cls,), {"limits": limits})

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.logger = _logger  # uvicorn's logs a warning for each invalid request: clients could fill the log

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection, or close it where there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            transport.abort()
            return
        self._start(self.limits.header_s)
        if self.limits.connection_s is not None:
            self._end_timer = self.loop.call_later(self.limits.connection_s, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the connection's timers."""
        self._stop()
        self._stop_write_timer()
        if self._end_timer is not None:
            self._end_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse bytes, and start the time-out of what has to follow."""
        waited = self._between_requests()
        super().data_received(data)
        if self not in self.connections:
            self._stop()  # a WebSocket now, which has time-outs of its own
            if self._end_timer is not None:
                self._end_timer.cancel()
            return
        if self.transport.is_closing():
            self._stop()
            self._start_write_timer()
            return
        if not self._between_requests():
            self._header_bytes = 0
            self._start(self.limits.body_s) if self._is_reading() else self._stop()
            return
        self._header_bytes += len(data)
        if self._header_bytes > self.limits.header_bytes:
            self.transport.abort()
        elif not waited or self._timer is None:
            self._start(self.limits.header_s)

    def on_message_begin(self) -> None:
        """Begin a request; its handler can close the connection."""
        super().on_message_begin()
        self.scope["extensions"] = {CLOSE: self.close}  # type: ignore[dict-item]

    def on_response_complete(self) -> None:
        """Limit how long a connection that closes may take to send the rest."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._start_write_timer()

    def pause_writing(self) -> None:
        """The client takes less than is sent."""
        super().pause_writing()
        self._start_write_timer()

    def resume_writing(self) -> None:
        """The client has taken most of it."""
        super().resume_writing()
        if not self.transport.is_closing():
            self._stop_write_timer()

    def close(self) -> None:
        """Close the connection when what was written has been sent, or the client does not take it in time."""
        self.transport.close()
        self._start_write_timer()

    def _between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _is_reading(self) -> bool:
        return self.cycle is not None and self.cycle.more_body

    def _start(self, seconds: float) -> None:
        self._stop()
        self._timer = self.loop.call_later(seconds, self._late)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start_write_timer(self) -> None:
        self._stop_write_timer()
        self._write_timer = self.loop.call_later(self.limits.write_s, self.transport.abort)

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _late(self) -> None:
        self._timer = None
        if self in self.connections and (self._between_requests() or self._is_reading()):
            self.transport.abort()
