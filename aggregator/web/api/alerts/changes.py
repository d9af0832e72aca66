"""Server-sent events with the changes of alerts (WHATWG HTML, section 9.2).

Nothing is queued for a client: each reads on in the shared log, at its own pace. One that is too far behind, or takes
nothing for some seconds, is dropped; its browser comes back by itself and is told to read all again where its place is
no longer kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from aggregator.auth.authenticator import Authenticator
from aggregator.auth.client_address import address_of, session_of
from aggregator.domain.accounts.authorization import Permission, Principal
from aggregator.web.api.alerts.change_log import AlertChangeLog, Change, Rights
from aggregator.web.api.alerts.listing import TAGS
from aggregator.web.api.dependencies import Who, content, errors
from aggregator.web.auth_middleware import BEARER
from aggregator.web.event_stream import HEARTBEAT_S, EventStream, Slot, StreamCounter
from common.errors import LoginThrottled

PAUSE_S = 0.1
MOST_OF_A_USER, MOST_STREAMS = 20, 500
_RIGHTS: tuple[Permission, ...] = ("alerts.pictures", "clips.see", "alerts.work")
"""In the order of `Rights`."""
Recheck = Callable[[], Awaitable[Principal | None]]
"""Who the client is as of now; None: nobody any more."""


class AlertStream(EventStream):
    """One client's stream; it ends with the client, its session or its permission.

    Args:
        log: The shared log.
        who: Asks again who the client is.
        last_id: The id of the last event that the client has; None for a new one.
        slot: Counts it while it is open.
    """

    def __init__(
        self, log: AlertChangeLog, who: Recheck, last_id: str | None = None, slot: Slot = contextlib.nullcontext
    ) -> None:
        super().__init__(slot)
        self._log, self._who, self._last_id = log, who, last_id

    async def follow(self) -> None:
        """Send the counts, and changes as they come."""
        await self._log.count()
        await self._follow()

    async def _follow(self) -> None:
        number, counted, placed = await self._start(), -1, self._log.placed
        while (caller := await self._who()) is not None:
            changes = self._log.since(number)
            if changes is None:
                await self._reset()
                return
            shown = _shown(changes, caller)
            placed = await self._states(placed, caller)
            if shown or counted != self._log.counted:
                number, counted = self._log.number, self._log.counted
                await self.put(self._event(number, shown, caller))
            else:
                number = self._log.number
                await self.put(":\n\n")
            await self._log.wait(number, counted, HEARTBEAT_S, placed)
            await asyncio.sleep(PAUSE_S)

    async def _states(self, placed: int, caller: Principal) -> int:
        """Say at which sites devices have other states than at `placed`; the number to go on after."""
        now, within = self._log.placed, caller.within("places.see")
        if sites := [it for it in self._log.states_since(placed) if within.touches(it)]:
            await self.put(f'event: places\ndata: {{"sites":{json.dumps(sites)}}}\n\n')
        return now

    async def _start(self) -> int:
        """The number to go on after; a place that is not known gets a reset."""
        if self._last_id is None:
            return self._log.number
        epoch, _, text = self._last_id.rpartition("-")
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else -1
        if epoch == self._log.epoch and self._log.since(number) is not None:
            return number
        await self._reset()
        return self._log.number

    async def _reset(self) -> None:
        await self.put(f"event: reset\nid: {self._log.epoch}-{self._log.number}\ndata: {{}}\n\n")

    def _event(self, number: int, shown: Sequence[str], caller: Principal) -> str:
        counted = self._log.counts_within(caller.within("alerts.see"))
        return f'id: {self._log.epoch}-{number}\ndata: {{"alerts":[{",".join(shown)}],"counts":{counted}}}\n\n'


def _shown(changes: Sequence[Change], caller: Principal) -> list[str]:
    """The texts of what a caller may see."""
    within, rights = caller.within("alerts.see"), [caller.within(it) for it in _RIGHTS]
    return [
        it.text(Rights(*(scope.holds(it.alert.site, it.alert.place) for scope in rights)))
        for it in changes
        if within.holds(it.alert.site, it.alert.place)
    ]


def _recheck(request: Request, authenticator: Authenticator) -> Recheck:
    header = request.headers.get("authorization", "")
    client = address_of(request)

    def ask() -> Principal | None:
        if header.lower().startswith(BEARER):
            return authenticator.bearer(header[len(BEARER) :].strip(), client)
        return authenticator.who(session_of(request))

    async def who() -> Principal | None:
        try:
            caller = await run_in_threadpool(ask)
        except LoginThrottled:
            return None
        return caller if caller is not None and caller.may("alerts.see") else None

    return who


def add(app: FastAPI, log: AlertChangeLog, authenticator: Authenticator) -> None:
    """Add the route. It stands before that of one alert, whose path it would match."""
    streams = StreamCounter()

    @app.get(
        "/api/alerts/changes", tags=TAGS, response_class=Response,
        responses=content("text/event-stream", "Events with `{alerts, counts}`, `places` and `reset`.") | errors(429),
    )  # fmt: skip
    async def follow_alerts(request: Request, caller: Who) -> Response:
        """Changes of alerts as server-sent events: `id` rises, `data` holds the changed alerts and the counts.

        The event `places` names the sites in which a camera, door or box has another state than before, of those that
        the caller may see: read `/api/places` again.

        Send `Last-Event-ID` to go on after an event. The event `reset` says that this place is not kept: read the
        alerts again. A comment comes every 15 seconds at least.
        """
        streams.check(caller.name, MOST_OF_A_USER, MOST_STREAMS)
        return AlertStream(
            log,
            _recheck(request, authenticator),
            request.headers.get("last-event-id"),
            partial(streams.slot, caller.name),
        )
