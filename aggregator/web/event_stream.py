"""Server-sent events (WHATWG HTML, section 9.2) and live video: what streams over HTTP have in common.

A client that takes nothing is cut.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import ClassVar

from fastapi import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from common.errors import StoreError

HEARTBEAT_S, SEND_S = 15.0, 10.0
Slot = Callable[[], AbstractContextManager[None]]
"""Counts a stream while it is open."""


class EventStream(Response):
    """One client's stream; subclasses write it in `follow`.

    Args:
        slot: Counts it while it is open.
    """

    media_type = "text/event-stream; charset=utf-8"
    sent_headers: ClassVar[dict[str, str]] = {"cache-control": "no-store", "x-accel-buffering": "no"}

    def __init__(self, slot: Slot = contextlib.nullcontext) -> None:
        super().__init__()
        self._slot = slot
        self._send: Send

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Answer the request until it is over."""
        self._send = send
        with self._slot():
            await self._run(receive)

    async def follow(self) -> None:
        """Send events until there is nothing more for this client."""

    async def until_over(self, receive: Receive) -> None:
        """Until the client has left."""
        while (await receive())["type"] != "http.disconnect":
            pass

    async def put(self, data: str | bytes, more: bool = True) -> None:
        """Send something.

        Raises:
            TimeoutError: The client takes nothing.
        """
        data = data.encode() if isinstance(data, str) else data
        body = {"type": "http.response.body", "body": data, "more_body": more}
        async with asyncio.timeout(SEND_S):  # `wait_for` loses a cancellation that comes with the result
            await self._send(body)

    async def _run(self, receive: Receive) -> None:
        writing = asyncio.create_task(self._write())
        leaving = asyncio.create_task(self.until_over(receive))
        try:
            await asyncio.wait((writing, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (writing, leaving):
                task.cancel()
            await asyncio.gather(writing, leaving, return_exceptions=True)

    async def _write(self) -> None:
        headers = [(name.encode(), it.encode()) for name, it in self.sent_headers.items()]
        headers.append((b"content-type", str(self.media_type).encode()))
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        with contextlib.suppress(TimeoutError, StoreError):
            await self.follow()
        with contextlib.suppress(TimeoutError):
            await self.put("", more=False)


@dataclass
class StreamCounter:
    """Bounds how many streams are open, of one client and of all."""

    _open: Counter[str] = field(default_factory=Counter, init=False)

    def check(self, key: str, most_of_one: int, most: int) -> None:
        """Refuse one more stream of a client that has `most_of_one`, or of any client where `most` are open.

        Raises:
            HTTPException: 429.
        """
        if self._open[key] >= most_of_one or self._open.total() >= most:
            raise HTTPException(429, "too many open streams; close some", {"Retry-After": "15"})

    @contextlib.contextmanager
    def slot(self, key: str) -> Iterator[None]:
        """Count a client's stream while it is open."""
        self._open[key] += 1
        try:
            yield
        finally:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]
