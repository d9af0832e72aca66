"""Reports: figures, their CSV file, and the quality of rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Query
from fastapi.responses import Response

from aggregator.domain.quality.aggregates import Source
from aggregator.domain.quality.figures import MOST_OPERATORS
from aggregator.services.shift import statistics_csv
from aggregator.services.shift.statistics_service import Asked, StatisticsService
from aggregator.web.api.dependencies import Tags, Who, content
from aggregator.web.api_models.base import PRINTABLE, TimeText
from aggregator.web.api_models.monitoring import statistics as models
from common.clock import DAY_NS
from protocol.identifiers import from_rfc3339

TAGS: Tags = ["reports"]
DEFAULT_DAYS = 7
_From = Annotated[TimeText | None, Query(alias="from", description="Default: seven days before `to`.")]
_To = Annotated[TimeText | None, Query(description="Default: now.")]
_Site = Annotated[str | None, Query(description="Default: all sites of the caller.", max_length=64, pattern=PRINTABLE)]
_Operators = Annotated[int, Query(ge=1, le=MOST_OPERATORS, description="People who share the alerts.")]
_Word = Annotated[str, Query(max_length=64, pattern=PRINTABLE)]


@dataclass(frozen=True)
class Window:
    """The span that a request names."""

    from_: str | None
    to: str | None

    def span(self, now_ns: int) -> tuple[int, int]:
        """In nanoseconds; what is not named is the default."""
        end_ns = from_rfc3339(self.to) if self.to else now_ns
        return (from_rfc3339(self.from_) if self.from_ else end_ns - DEFAULT_DAYS * DAY_NS, end_ns)


@dataclass(frozen=True)
class Wish:
    """What a request asks about."""

    window: Window
    site: str | None
    operators: int

    def asked(self, now_ns: int) -> Asked:
        """For the service."""
        return Asked(self.window.span(now_ns), self.site or None, self.operators)


def window_of(from_: _From = None, to: _To = None) -> Window:
    """The span's parameters."""
    return Window(from_, to)


_Window = Annotated[Window, Depends(window_of)]


def wish_of(window: _Window, site: _Site = None, operators: _Operators = 1) -> Wish:
    """A report's parameters."""
    return Wish(window, site, operators)


_Wish = Annotated[Wish, Depends(wish_of)]


def add(app: FastAPI, statistics: StatisticsService) -> None:
    """Add the routes."""
    _add_figures(app, statistics)
    _add_quality(app, statistics)


def _add_figures(app: FastAPI, statistics: StatisticsService) -> None:
    @app.get("/api/statistics", tags=TAGS)
    async def show_statistics(caller: Who, wish: _Wish) -> models.StatisticsResponse:
        """The figures of ISA-18.2 of a span of at most 366 days."""
        return models.StatisticsResponse.of(await statistics.report(caller, wish.asked(_now_ns(statistics))))

    @app.get(
        "/api/statistics.csv", tags=TAGS, response_class=Response, responses=content("text/csv", "The same as a file.")
    )
    async def export_statistics(caller: Who, wish: _Wish) -> Response:
        """The same figures as a CSV file: section, name, value."""
        asked = wish.asked(_now_ns(statistics))
        report = await statistics.report(caller, asked)
        name = f"paifang-{models.day_of(asked.span[0])}-{models.day_of(asked.span[1])}.csv"
        headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
        return Response(statistics_csv.write(report), media_type="text/csv; charset=utf-8", headers=headers)


def _add_quality(app: FastAPI, statistics: StatisticsService) -> None:
    @app.get("/api/quality", tags=TAGS)
    async def show_quality(caller: Who, wish: _Wish) -> models.QualityResponse:
        """The share of false alarms of each rule and of each camera or door."""
        rules, devices = await statistics.quality(caller, wish.asked(_now_ns(statistics)))
        return models.QualityResponse(
            rules=[models.QualityModel.of(it) for it in rules], devices=[models.QualityModel.of(it) for it in devices]
        )

    @app.get("/api/quality/rule", tags=TAGS)
    async def show_rule(
        caller: Who, window: _Window, *, site: _Word, box: _Word, camera: _Word, kind: _Word, subject: _Word = ""
    ) -> models.RuleResponse:
        """Changes of a rule that would have kept false alarms away, replayed on its stored events."""
        source, span = Source(site, box, camera, kind, subject), window.span(_now_ns(statistics))
        return models.RuleResponse.of(await statistics.rule(caller, source, span))

    @app.post("/api/quality/replay", tags=TAGS)
    async def replay_change(caller: Who, body: models.ReplayRequest) -> models.ProposalModel:
        """What one change of a rule would have done to its stored events."""
        source = Source(body.site, body.box, body.camera, body.kind, body.subject)
        span, change = (from_rfc3339(body.from_), from_rfc3339(body.to)), body.change.suggestion()
        effect = await statistics.replay(caller, source, span, change)
        return models.proposal(source, change, effect, await statistics.picture_px(source))


def _now_ns(statistics: StatisticsService) -> int:
    return statistics.sites.clock.wall_ns()
