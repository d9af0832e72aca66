"""What the WebSockets of views have in common: several works of which the first to end decides, and the close."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from protocol.problems import AWAY

__all__ = ["AWAY", "close", "first_of", "gone"]


async def first_of(*works: Coroutine[Any, Any, tuple[int, str]]) -> tuple[int, str]:
    """Code and reason of the first that ends; the others are cancelled."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        try:
            return next(iter(done)).result()
        except (WebSocketDisconnect, RuntimeError, OSError):  # the socket is closed
            return AWAY, ""
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def gone(socket: WebSocket) -> tuple[int, str]:
    """Until the client leaves; it has nothing to say here."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
    return AWAY, ""


async def close(socket: WebSocket, code: int, reason: str) -> None:
    """Close it, if it is open."""
    if socket.application_state is WebSocketState.CONNECTED:
        with contextlib.suppress(RuntimeError, OSError, WebSocketDisconnect):
            await socket.close(code, reason.encode()[:120].decode("utf-8", "ignore"))
