"""The HTTP API of a camera's footage: what its box has, redacted stills, and when something happened there.

Accesses name a case or a purpose and are in the audit log before the box is asked. A case is named in the reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import Response

from aggregator.domain.store_port.events import EventReader
from aggregator.services.box_command_service import BoxCommandService
from aggregator.web.api.dependencies import NamePath, Tags, Who, content, errors
from aggregator.web.api_models import footage as models
from aggregator.web.api_models.base import TimeText
from common.clock import DAY_NS, SECOND_NS
from common.errors import ContractError
from protocol.commands import Span
from protocol.identifiers import from_rfc3339, to_rfc3339
from protocol.topics import BoxTopics

_TAGS: Tags = ["footage"]
_CAMERA = "/api/sites/{site}/boxes/{box}/cameras/{place}"
_LONGEST_NS = 31 * DAY_NS
MOST_BINS, MOST_EVENTS = 1_000, 200
_From = Annotated[TimeText, Query(alias="from")]


def _spans(found: Iterable[Span]) -> list[models.SpanResponse]:
    return [models.SpanResponse(begin=to_rfc3339(it.from_ns), to=to_rfc3339(it.to_ns), about=it.about) for it in found]


def _span(begin: str, to: str) -> tuple[int, int]:
    """A range of an address.

    Raises:
        ContractError: It is empty or too long; names the field.
    """
    from_ns, to_ns = from_rfc3339(begin), from_rfc3339(to)
    if not 0 < to_ns - from_ns <= _LONGEST_NS:
        raise ContractError("to: must be after 'from', by 31 days at most")
    return from_ns, to_ns


def add(app: FastAPI, commands: BoxCommandService, events: EventReader) -> None:
    """Add the routes."""

    @app.post(f"{_CAMERA}/footage", tags=_TAGS, responses=errors(409))
    async def list_footage(
        site: NamePath, box: NamePath, place: NamePath, caller: Who, wanted: models.FootageRequest
    ) -> models.FootageResponse:
        """Recorded footage, gaps and holds of a camera in a range; the access is in the audit log first."""
        span = from_rfc3339(wanted.begin), from_rfc3339(wanted.to)
        reply = await commands.send(
            caller, BoxTopics(site, box), "footage-spans", place, reason=wanted.reason, span=span
        )
        if reply.kept is None:
            raise HTTPException(409, "the box has answered without ranges; it may be of another version")
        kept = reply.kept
        return models.FootageResponse(kept=_spans(kept.spans), gaps=_spans(kept.gaps), holds=_spans(kept.holds))

    @app.post(
        f"{_CAMERA}/still", tags=_TAGS, response_class=Response,
        responses=content("image/jpeg", "The redacted picture.") | errors(409),
    )  # fmt: skip
    async def show_footage_still(
        site: NamePath, box: NamePath, place: NamePath, caller: Who, wanted: models.StillRequest
    ) -> Response:
        """The redacted picture of a camera at a time; the access is in the audit log first."""
        at_ns = from_rfc3339(wanted.at)
        reply = await commands.send(
            caller, BoxTopics(site, box), "footage-still", place, reason=wanted.reason, span=(at_ns, at_ns + SECOND_NS)
        )
        if reply.picture is None:
            raise HTTPException(409, "the box has answered without a picture; it may be of another version")
        return Response(reply.picture, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    @app.get(f"{_CAMERA}/timeline", tags=_TAGS)
    def show_timeline(
        site: NamePath, box: NamePath, place: NamePath, *, begin: _From, to: TimeText,
        bins: Annotated[int, Query(ge=1, le=MOST_BINS)] = 240,
    ) -> models.TimelineResponse:  # fmt: skip
        """How many events there are at a camera in each part of a range, 31 days at most."""
        span = _span(begin, to)
        counted = events.timeline_bins((site, box, place), span, bins)
        found = events.timeline(site, box, place, span) if sum(counted) <= MOST_EVENTS else []
        moments = [models.TimelineEventResponse(kind=it.kind, time=to_rfc3339(it.time_ns)) for it in found]
        return models.TimelineResponse(bins=counted, events=moments)
