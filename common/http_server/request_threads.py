"""Threads for request handlers that block: daemon threads, so that none of them delays the end of the server."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

T = TypeVar("T")


class RequestThreads:
    """Runs blocking work of requests, each in a thread of its own, up to a limit.

    A thread counts until its work ends, also when its client is gone.

    Args:
        name: Of the threads.
        limit: Threads at the same time.
    """

    def __init__(self, name: str, limit: int) -> None:
        self._name, self._free = name, threading.BoundedSemaphore(limit)

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work`, or what it raises.

        Raises:
            HTTPException: 503: there are too many threads.
        """
        if not self._free.acquire(blocking=False):
            raise HTTPException(503, "too many requests at the same time; try again", {"Retry-After": "1"})
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()

        def settle(value: T | None, error: Exception | None) -> None:
            if result.done():  # the request was cancelled
                return
            if error is not None:
                result.set_exception(error)
            else:
                result.set_result(value)  # type: ignore[arg-type]

        def target() -> None:
            value, failure = None, None
            try:
                value = work()
            except Exception as error:
                failure = error
            finally:
                self._free.release()
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(settle, value, failure)

        threading.Thread(target=target, name=self._name, daemon=True).start()
        return await result

    def endpoint(self, answer: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint of Starlette that answers in a thread; Starlette's own threads are no daemon threads."""

        async def endpoint(request: Request) -> Response:
            return await self.run(lambda: answer(request))

        return endpoint
