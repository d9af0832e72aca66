"""Decisions about one alert, and one decision about many."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from aggregator.auth.client_address import address_of
from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.alerts import decisions
from aggregator.domain.alerts.decisions import Merge, Split, Verdict, Wish
from aggregator.domain.alerts.types import (
    Acknowledged,
    Assigned,
    Closed,
    EscalationRequested,
    Noted,
    Reopened,
    Suppressed,
    Unassigned,
    Unsuppressed,
)
from aggregator.services.alert_service import AlertService
from aggregator.web.api.alerts.listing import TAGS
from aggregator.web.api.alerts.responses import AlertResponses
from aggregator.web.api.dependencies import IdPath, Responses, Who, errors
from aggregator.web.api_models.alerts import (
    AcknowledgeRequest,
    AlertResponse,
    AssignRequest,
    BulkRequest,
    BulkResponse,
    BulkResult,
    CloseRequest,
    ConflictResponse,
    EscalateRequest,
    MergeRequest,
    NoteRequest,
    ShelveRequest,
    SplitRequest,
    SplitResponse,
)
from common.clock import SECOND_NS
from protocol.identifiers import is_uuid7

_CONFLICT: Responses = {
    **errors(404),
    409: {"model": ConflictResponse, "description": "Somebody has changed it; `alert` is as it is now."},
}


class _Conflict(Exception):
    """A decision that was not carried out, with the alert as it is now."""

    def __init__(self, answer: ConflictResponse) -> None:
        super().__init__(answer.error)
        self.answer = answer


class _Decisions:
    """Carries decisions out and shows what came of them."""

    def __init__(self, alerts: AlertService, responses: AlertResponses) -> None:
        self._alerts, self._responses = alerts, responses

    async def one(
        self, request: Request, caller: Principal, alert_id: str, wish: Wish, version: int | None
    ) -> tuple[AlertResponse, Verdict]:
        """Carry one out.

        Raises:
            HTTPException: There is no such alert, or the wish itself is wrong.
            _Conflict: Somebody has changed it.
        """
        if not is_uuid7(alert_id):
            raise HTTPException(404, "no such alert")
        asked = [decisions.Request(alert_id, wish, version)]
        (verdict,) = await self._alerts.decide(caller, asked, address_of(request))
        if verdict.result == "missing" or (verdict.alert is None and verdict.result != "refused"):
            raise HTTPException(404, verdict.reason or "no such alert")
        if verdict.result == "refused" or verdict.alert is None:
            raise HTTPException(422, verdict.reason)
        shown = await self.shown(caller, [verdict])
        if verdict.result == "conflict":
            raise _Conflict(ConflictResponse(error=verdict.reason, alert=shown[0]))
        return shown[0], verdict

    async def many(self, request: Request, caller: Principal, ids: list[str], wish: Wish) -> BulkResponse:
        """Carry one decision out for many alerts, in one transaction."""
        asked = [decisions.Request(alert_id, wish) for alert_id in dict.fromkeys(ids)]
        verdicts = await self._alerts.decide(caller, asked, address_of(request))
        shown = {it.id: it for it in await self.shown(caller, verdicts)}
        return BulkResponse(
            results=[
                BulkResult(id=it.alert_id, result=verdict.result, error=verdict.reason, alert=shown.get(it.alert_id))
                for it, verdict in zip(asked, verdicts, strict=True)
            ]
        )

    async def shown(self, caller: Principal, verdicts: list[Verdict]) -> list[AlertResponse]:
        """The alerts of verdicts."""
        there = [it.alert for it in verdicts if it.alert is not None]
        return await asyncio.to_thread(self._responses.shown, caller, there)

    def shelved(self, caller: Principal, minutes: int, reason: str) -> Suppressed:
        """The wish to shelve for so many minutes from now."""
        text = reason.strip()
        if not 3 <= len(text) <= 200:
            raise HTTPException(422, "reason: write 3 to 200 printable characters")
        until_ns = self._responses.places.sites.clock.wall_ns() + minutes * 60 * SECOND_NS
        return Suppressed("shelved", caller.name, until_ns, text)

    def bulk_wish(self, caller: Principal, body: BulkRequest) -> Wish:
        """The wish of a request for many.

        Raises:
            HTTPException: A field is missing.
        """
        if body.action == "close":
            return Closed(_given("outcome", body.outcome), body.note)
        if body.action == "shelve":
            return self.shelved(caller, _given("minutes", body.minutes), _given("reason", body.reason))
        if body.action == "note":
            return Noted(_given("note", body.note or None))
        if body.action == "assign":
            return _assigned(caller, body.to)
        plain: dict[str, Wish] = {"acknowledge": Acknowledged(), "reopen": Reopened(), "unshelve": Unsuppressed()}
        return plain[body.action]


def _given(field: str, value: Any) -> Any:
    if value is None:
        raise HTTPException(422, f"{field}: is missing; send it")
    return value


def _assigned(caller: Principal, to: str | None) -> Assigned | Unassigned:
    if to is None:
        return Assigned(caller.name)
    return Assigned(to) if to else Unassigned()


def add(app: FastAPI, alerts: AlertService, responses: AlertResponses) -> None:
    """Add the routes."""
    carry = _Decisions(alerts, responses)

    @app.exception_handler(_Conflict)
    async def conflict(_request: Request, error: _Conflict) -> Response:
        return JSONResponse(error.answer.model_dump(), 409)

    _add_bulk(app, carry)
    _add_state(app, carry)
    _add_text(app, carry)
    _add_grouping(app, carry)


def _add_bulk(app: FastAPI, carry: _Decisions) -> None:
    @app.post("/api/alerts/bulk", tags=TAGS, responses=errors(422))
    async def change_alerts(request: Request, caller: Who, body: BulkRequest) -> BulkResponse:
        """One decision about up to 500 alerts, in one transaction; the result of each."""
        return await carry.many(request, caller, body.ids, carry.bulk_wish(caller, body))


def _add_state(app: FastAPI, carry: _Decisions) -> None:
    @app.post("/api/alerts/{alert_id}/acknowledge", tags=TAGS, responses=_CONFLICT)
    async def acknowledge_alert(
        request: Request, alert_id: IdPath, caller: Who, body: AcknowledgeRequest | None = None
    ) -> AlertResponse:
        """Acknowledge an alert; one whose condition has ended closes, unless it is critical."""
        return (await carry.one(request, caller, alert_id, Acknowledged(), body.version if body else None))[0]

    @app.post("/api/alerts/{alert_id}/reopen", tags=TAGS, responses=_CONFLICT)
    async def reopen_alert(
        request: Request, alert_id: IdPath, caller: Who, body: AcknowledgeRequest | None = None
    ) -> AlertResponse:
        """Open a closed alert again; it counts as acknowledged by the caller."""
        return (await carry.one(request, caller, alert_id, Reopened(), body.version if body else None))[0]

    @app.post("/api/alerts/{alert_id}/assign", tags=TAGS, responses=_CONFLICT)
    async def assign_alert(
        request: Request, alert_id: IdPath, caller: Who, body: AssignRequest | None = None
    ) -> AlertResponse:
        """Give an alert to somebody: it is acknowledged, and does not close by itself."""
        wanted = body or AssignRequest(to=None)
        return (await carry.one(request, caller, alert_id, _assigned(caller, wanted.to), wanted.version))[0]

    @app.post("/api/alerts/{alert_id}/unshelve", tags=TAGS, responses=_CONFLICT)
    async def unshelve_alert(
        request: Request, alert_id: IdPath, caller: Who, body: AcknowledgeRequest | None = None
    ) -> AlertResponse:
        """Show a shelved alert again."""
        return (await carry.one(request, caller, alert_id, Unsuppressed(), body.version if body else None))[0]


def _add_text(app: FastAPI, carry: _Decisions) -> None:
    @app.post("/api/alerts/{alert_id}/note", tags=TAGS, responses=_CONFLICT)
    async def note_alert(request: Request, alert_id: IdPath, caller: Who, body: NoteRequest) -> AlertResponse:
        """Write a note, onto the alert's history too."""
        return (await carry.one(request, caller, alert_id, Noted(body.note), body.version))[0]

    @app.post("/api/alerts/{alert_id}/escalate", tags=TAGS, responses=_CONFLICT | errors(429))
    async def escalate_alert(
        request: Request, alert_id: IdPath, caller: Who, body: EscalateRequest | None = None
    ) -> AlertResponse:
        """Ask for help: the next level of the chain is notified at once, and the alert is unacknowledged again."""
        asked = body or EscalateRequest()
        wish = EscalationRequested(asked.note.strip())
        return (await carry.one(request, caller, alert_id, wish, asked.version))[0]

    @app.post("/api/alerts/{alert_id}/close", tags=TAGS, responses=_CONFLICT)
    async def close_alert(request: Request, alert_id: IdPath, caller: Who, body: CloseRequest) -> AlertResponse:
        """Close an alert with an outcome; of one that is closed: say how it was."""
        return (await carry.one(request, caller, alert_id, Closed(body.outcome, body.note), body.version))[0]

    @app.post("/api/alerts/{alert_id}/shelve", tags=TAGS, responses=_CONFLICT)
    async def shelve_alert(request: Request, alert_id: IdPath, caller: Who, body: ShelveRequest) -> AlertResponse:
        """Hide an alert for up to 24 hours; it is shown again by itself."""
        wish = carry.shelved(caller, body.minutes, body.reason)
        return (await carry.one(request, caller, alert_id, wish, body.version))[0]


def _add_grouping(app: FastAPI, carry: _Decisions) -> None:
    @app.post("/api/alerts/{alert_id}/merge", tags=TAGS, responses=_CONFLICT)
    async def merge_alerts(request: Request, alert_id: IdPath, caller: Who, body: MergeRequest) -> AlertResponse:
        """Merge other open alerts of the same site into this one; their later events go into it too."""
        return (await carry.one(request, caller, alert_id, Merge(tuple(body.alerts)), body.version))[0]

    @app.post("/api/alerts/{alert_id}/split", tags=TAGS, responses=_CONFLICT)
    async def split_alert(request: Request, alert_id: IdPath, caller: Who, body: SplitRequest) -> SplitResponse:
        """Take events out of this alert into a new one, which is unacknowledged."""
        alert, verdict = await carry.one(request, caller, alert_id, Split(tuple(body.events)), body.version)
        created = await carry.shown(caller, [Verdict("done", verdict.created)])
        return SplitResponse(alert=alert, created=created[0])
