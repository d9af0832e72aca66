"""The WebSockets of views, live or of footage: browsers at one end, boxes at the other."""

from __future__ import annotations

import asyncio
import contextlib

from fastapi import FastAPI, WebSocket
from pydantic import ValidationError

from aggregator.auth.client_address import session_of
from aggregator.services.live_view_service import LiveViewService
from aggregator.services.stream_relay import RelayedStream, StreamKey, Subscriber
from aggregator.web.api_models.places import PlaybackRequest
from aggregator.web.validation_errors import problem_of
from aggregator.web.websocket_tasks import AWAY, close, first_of, gone
from common import logging_setup
from common.clock import MILLISECOND_NS
from common.errors import CommandError, ContractError, Forbidden, StoreError
from protocol.live_frames import INTEREST_S, KEEP_ALIVE, LONGEST_NS
from protocol.problems import close_code, code_from_close

_log = logging_setup.get("live")
CHECK_S = 2.0
ASKED_S = 10.0
"""A browser sends within this time which footage it asks for."""
MOST_ASKED = 2_000
DONE = 1000
ENDED, FORBIDDEN, REFUSED = 4401, 4403, 4400


def add(app: FastAPI, views: LiveViewService) -> None:
    """Add the routes; the box's ticket is checked here, not by the guard."""

    @app.websocket("/api/live/{site}/{box}/{place}")
    async def watch(socket: WebSocket, site: str, box: str, place: str) -> None:
        await socket.accept()
        await _watch(socket, views, StreamKey(site, box, place))

    @app.websocket("/api/play/{site}/{box}/{place}")
    async def play(socket: WebSocket, site: str, box: str, place: str) -> None:
        await socket.accept()
        try:
            request = await _playback_request(socket)
            span = request.from_ms * MILLISECOND_NS, request.to_ms * MILLISECOND_NS
            key = StreamKey(site, box, place, *span, request.reason, views.relay.new_id())
        except ContractError as error:
            await close(socket, REFUSED, str(error))
            return
        await _watch(socket, views, key)

    @app.websocket("/box/live/{job}")
    async def bring(socket: WebSocket, job: str) -> None:
        view = views.relay.expected(job, socket.headers.get("authorization", ""))
        if view is None:
            await socket.close(ENDED)
            return
        view.connected = True
        await socket.accept()
        number, problem = AWAY, ""
        try:
            number, problem = await first_of(_take(socket, view), _keep(socket), _over(view))
        finally:
            if number == DONE:
                views.relay.end(view, "")
            else:
                code = code_from_close(number)
                views.relay.end(view, problem or "the box broke off", code or ("" if problem else "box.broke_off"))
        await close(socket, DONE, problem)


async def _watch(socket: WebSocket, views: LiveViewService, key: StreamKey) -> None:
    try:
        viewer = await views.begin(socket.state.caller, key)
    except (Forbidden, CommandError, StoreError) as error:
        await close(socket, FORBIDDEN if isinstance(error, Forbidden) else AWAY, str(error))
        return
    try:
        await socket.send_json({"now_ms": views.clock.wall_ns() // MILLISECOND_NS})
        code, reason = await first_of(_send(socket, viewer), gone(socket), _checked(socket, views, key))
    finally:
        views.relay.leave(key, viewer)
    await close(socket, code, reason)


async def _playback_request(socket: WebSocket) -> PlaybackRequest:
    """The first message of a playback.

    Raises:
        ContractError: None came, or it is not valid; names the field.
    """
    try:
        message = await asyncio.wait_for(socket.receive(), ASKED_S)
        request = PlaybackRequest.model_validate_json((message.get("text") or "")[:MOST_ASKED])
    except TimeoutError as error:
        raise ContractError("send which footage: from_ms, to_ms and reason") from error
    except ValidationError as error:
        _, problem = problem_of([it | {"loc": ("body", *it["loc"])} for it in error.errors()])
        raise ContractError(f"{problem}; give from_ms, to_ms and reason, 3 to 200 characters") from error
    if not 0 < (request.to_ms - request.from_ms) * MILLISECOND_NS <= LONGEST_NS:
        raise ContractError("to_ms: must be later than from_ms, by ten minutes at most")
    return request


async def _send(socket: WebSocket, viewer: Subscriber) -> tuple[int, str]:
    while (message := await viewer.queue.get()) is not None:
        await socket.send_bytes(message)
    return (close_code(viewer.code) if viewer.problem else DONE), viewer.problem


async def _checked(socket: WebSocket, views: LiveViewService, key: StreamKey) -> tuple[int, str]:
    token = session_of(socket)
    while True:
        await asyncio.sleep(CHECK_S)
        with contextlib.suppress(StoreError):
            if not await views.still(token, key):
                return ENDED, "the session has ended, or a role was taken away"


async def _take(socket: WebSocket, view: RelayedStream) -> tuple[int, str]:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            number = int(message.get("code") or AWAY)
            known = number if number == DONE or code_from_close(number) else AWAY
            return known, str(message.get("reason") or "")
        try:
            view.hand_on(message.get("bytes") or b"")
        except ContractError as error:
            _log.warning("a box sent something else", problem=str(error))
            return REFUSED, str(error)


async def _keep(socket: WebSocket) -> tuple[int, str]:
    while True:
        await socket.send_text(KEEP_ALIVE)
        await asyncio.sleep(INTEREST_S)


async def _over(view: RelayedStream) -> tuple[int, str]:
    await view.over.wait()
    return AWAY, "no subscribers"
