"""A video that is made in a thread while it is sent as a chunked response."""

from __future__ import annotations

import asyncio
import concurrent.futures
import hashlib
import threading
from collections.abc import AsyncIterator, Callable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from common.http_server.bounded_protocol import CLOSE


class ClientGone(OSError):
    """The client has closed the connection."""


class VideoStream:
    """The thread's output. The response starts with the first chunk, so that an earlier failure is an error response.

    Attributes:
        digest: SHA-256 of the written bytes.
        bytes: Number of written bytes.
        started: Whether anything was written.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[bytes | Exception] = asyncio.Queue(1)
        self._closed = threading.Event()
        self.digest, self.bytes, self.started = hashlib.sha256(), 0, False

    def write(self, data: bytes) -> int:
        """Send one chunk; waits until there is room. In the thread.

        Raises:
            ClientGone: Nobody receives it.
        """
        if not data:
            return 0
        self.started = True
        self._put(bytes(data))
        self.digest.update(data)
        self.bytes += len(data)
        return len(data)

    def finish(self, error: Exception | None = None) -> None:
        """End the response; with an error it stays incomplete, which the client can detect. In the thread.

        Raises:
            ClientGone: Nobody receives it.
        """
        self._put(b"" if error is None else error)

    async def response(self, request: Request, headers: dict[str, str]) -> Response:
        """The response, once there is a first chunk.

        Raises:
            Exception: What `finish` was given before the first chunk.
        """
        try:
            first = await self._chunks.get()
        except BaseException:
            self._close()
            raise
        if isinstance(first, Exception):
            raise first
        close = request.scope["extensions"][CLOSE]
        return StreamingResponse(self._body(first, close), media_type="video/mp4", headers=headers)

    async def _body(self, chunk: bytes | Exception, close: Callable[[], None]) -> AsyncIterator[bytes]:
        try:
            while chunk:
                if isinstance(chunk, Exception):
                    close()
                    await asyncio.Event().wait()  # without a last chunk; cancelled when the connection is closed
                else:
                    yield chunk
                chunk = await self._chunks.get()
        finally:
            self._close()

    def _close(self) -> None:
        self._closed.set()
        while not self._chunks.empty():  # a waiting `_put` returns
            self._chunks.get_nowait()

    def _put(self, item: bytes | Exception) -> None:
        if self._closed.is_set():
            raise ClientGone("the client is gone")
        waiting = self._chunks.put(item)
        try:
            asyncio.run_coroutine_threadsafe(waiting, self._loop).result()
        except (RuntimeError, concurrent.futures.CancelledError) as error:
            waiting.close()
            raise ClientGone("the server has stopped") from error
