"""The HTTP API of silences."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI, HTTPException

from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.quiet.matching import FIELDS, Matcher
from aggregator.domain.quiet.silence import Silence
from aggregator.services.monitoring.quiet_service import Preview, QuietService
from aggregator.web.api.alerts.responses import AlertResponses
from aggregator.web.api.dependencies import IdPath, Tags, Who, errors
from aggregator.web.api_models.monitoring import quiet as models
from protocol.identifiers import from_rfc3339, to_rfc3339

TAGS: Tags = ["silences and maintenance"]


def add(app: FastAPI, quiet: QuietService, responses: AlertResponses) -> None:
    """Add the routes."""

    async def shown(caller: Principal, preview: Preview) -> models.PreviewResponse:
        examples = await asyncio.to_thread(responses.shown, caller, preview.examples)
        return models.PreviewResponse(count=preview.count, examples=examples, complete=preview.complete)

    @app.get("/api/silences", tags=TAGS)
    async def list_silences(caller: Who, state: models.EndedFilter = "active") -> models.SilencesResponse:
        """Silences that touch the caller's scope, the newest first; `all`: also those that have ended."""
        found = await quiet.silences(caller, ended=state == "all")
        now_ns = quiet.clock.wall_ns()
        return models.SilencesResponse(silences=[_silence(it, now_ns) for it in found[: models.MOST_LISTED]])

    @app.post("/api/silences/preview", tags=TAGS, responses=errors(403))
    async def preview_silence(caller: Who, body: models.PreviewRequest) -> models.PreviewResponse:
        """What a silence would have hidden in the last 24 hours."""
        return await shown(caller, await quiet.preview(caller, _matcher(body.match)))

    @app.post("/api/silences", status_code=201, tags=TAGS, responses=errors(403))
    async def create_silence(caller: Who, body: models.SilenceRequest) -> models.SilenceMadeResponse:
        """Silence alerts, for a reason and until an end."""
        span_ns = from_rfc3339(body.from_) if body.from_ else None, from_rfc3339(body.until)
        made, preview = await quiet.silence(caller, _matcher(body.match), span_ns, body.reason)
        now_ns = quiet.clock.wall_ns()
        return models.SilenceMadeResponse(silence=_silence(made, now_ns), preview=await shown(caller, preview))

    @app.post("/api/silences/{silence_id}/end", tags=TAGS, responses=errors(403, 404))
    async def end_silence(silence_id: IdPath, caller: Who) -> models.SilenceResponse:
        """End a silence now; what it hid is shown again."""
        ended = await quiet.end_silence(caller, silence_id)
        if ended is None:
            raise HTTPException(404, "no such silence")
        return _silence(ended, quiet.clock.wall_ns())


def state_of(from_ns: int, until_ns: int, now_ns: int) -> str:
    """Whether something has begun and ended."""
    return "ended" if now_ns >= until_ns else "scheduled" if now_ns < from_ns else "active"


def _matcher(match: models.MatchModel) -> Matcher:
    return Matcher(**{name: tuple(dict.fromkeys(getattr(match, name))) for name in FIELDS})


def _silence(silence: Silence, now_ns: int) -> models.SilenceResponse:
    match = {name: list(getattr(silence.match, name)) for name in FIELDS}
    return models.SilenceResponse(
        id=silence.id,
        match=models.MatchResponse(**match),
        owner=silence.owner,
        reason=silence.reason,
        from_=to_rfc3339(silence.from_ns),
        until=to_rfc3339(silence.until_ns),
        made=to_rfc3339(silence.made_ns),
        ended_by=silence.ended_by,
        state=state_of(silence.from_ns, silence.until_ns, now_ns),  # type: ignore[arg-type]
    )
