"""The WebSockets of live views: browsers at one end, boxes at the other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from fastapi import FastAPI, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from aggregator.guard import SESSION_COOKIE
from aggregator.live.desk import LiveViews
from aggregator.live.hub import Key, View, Viewer
from common import logs
from common.clock import SECOND_NS
from common.errors import CommandError, ContractError, Forbidden, StoreError
from events.live import INTEREST_S, STILL_WANTED

_log = logs.get("live")
CHECK_S = 2.0
ENDED, FORBIDDEN, AWAY, REFUSED = 4401, 4403, 4404, 4400


def add(app: FastAPI, views: LiveViews) -> None:
    """Add the routes; the box's ticket is checked here, not by the guard."""

    @app.websocket("/api/live/{site}/{box}/{place}")
    async def watch(socket: WebSocket, site: str, box: str, place: str) -> None:
        await socket.accept()
        key = (site, box, place)
        try:
            viewer = await views.begin(socket.state.caller, key)
        except (Forbidden, CommandError, StoreError) as error:
            await _close(socket, FORBIDDEN if isinstance(error, Forbidden) else AWAY, str(error))
            return
        try:
            await socket.send_json({"now_ms": views.clock.wall_ns() * 1000 // SECOND_NS})
            code, reason = await _first(_send(socket, viewer), _gone(socket), _checked(socket, views, key))
        finally:
            views.hub.leave(key, viewer)
        await _close(socket, code, reason)

    @app.websocket("/box/live/{job}")
    async def bring(socket: WebSocket, job: str) -> None:
        view = views.hub.expected(job, socket.headers.get("authorization", ""))
        if view is None:
            await socket.close(ENDED)
            return
        view.connected = True
        await socket.accept()
        try:
            _, problem = await _first(_take(socket, view), _keep(socket), _over(view))
        finally:
            views.hub.end(view, "the box broke off")
        await _close(socket, 1000, problem)


async def _first(*works: Coroutine[Any, Any, tuple[int, str]]) -> tuple[int, str]:
    """What the first of them says; the others end."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        try:
            return next(iter(done)).result()
        except (WebSocketDisconnect, RuntimeError, OSError):  # the socket is gone
            return AWAY, ""
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send(socket: WebSocket, viewer: Viewer) -> tuple[int, str]:
    while (message := await viewer.queue.get()) is not None:
        await socket.send_bytes(message)
    return AWAY, viewer.problem


async def _gone(socket: WebSocket) -> tuple[int, str]:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass  # browsers have nothing to say here
    return AWAY, ""


async def _checked(socket: WebSocket, views: LiveViews, key: Key) -> tuple[int, str]:
    token = socket.cookies.get(SESSION_COOKIE)
    while True:
        await asyncio.sleep(CHECK_S)
        with contextlib.suppress(StoreError):
            if not await views.still(token, key):
                return ENDED, "the session has ended, or a role was taken away"


async def _take(socket: WebSocket, view: View) -> tuple[int, str]:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return AWAY, ""
        try:
            view.hand_on(message.get("bytes") or b"")
        except ContractError as error:
            _log.warning("a box sent something else", problem=str(error))
            return REFUSED, str(error)


async def _keep(socket: WebSocket) -> tuple[int, str]:
    while True:
        await socket.send_text(STILL_WANTED)
        await asyncio.sleep(INTEREST_S)


async def _over(view: View) -> tuple[int, str]:
    await view.over.wait()
    return AWAY, "nobody looks"


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    if socket.application_state is WebSocketState.CONNECTED:
        with contextlib.suppress(RuntimeError, OSError, WebSocketDisconnect):
            await socket.close(code, reason.encode()[:120].decode("utf-8", "ignore"))
