"""The overview of sites and areas."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from aggregator.domain.alerts.types import ACKNOWLEDGEMENTS, SEVERITIES, Severity
from aggregator.domain.quality.overview import ALL, AnswerTimes, DeviceFigures, Group, GroupFigures, Opened
from aggregator.services.monitoring.overview_service import Open, Overview
from aggregator.web.api_models.base import ResponseModel, Time, example
from common.clock import SECOND_NS
from protocol.identifiers import to_rfc3339

_STATES = {"unacknowledged": 1, "acknowledged": 1, "assigned": 0}
_NO_STATES = dict.fromkeys(_STATES, 0)
_OPEN = {"critical": _STATES, "high": _NO_STATES, "medium": _NO_STATES, "low": _NO_STATES}
_OPENED = {"total": 3, "before": 2, "critical": 1, "high": 0, "medium": 2, "low": 0}
_TIMES = {"count": 12, "median_s": 41.5, "p95_s": 180.0}
_DEVICES = {"total": 12, "working": 11, "availability": 0.9931}
_RESPONSES = {"critical": _TIMES, "high": None, "medium": None, "low": None}
_KINDS = {"camera": _DEVICES, "door": None, "box": None}
_FIGURES = {
    "open": _OPEN, "last_hour": _OPENED, "last_day": _OPENED, "last_week": _OPENED, "hours": [0] * 23 + [3],
    "responses": _RESPONSES, "devices": _KINDS,
}  # fmt: skip
_AREA = {"area": "halls", "figures": _FIGURES}
_SITE = {"site": "village", "name": "Stone Bridge Village", "figures": _FIGURES, "areas": [_AREA]}


class StateCounts(ResponseModel):
    """Open alerts of a severity by their state."""

    model_config = example(_STATES)

    unacknowledged: int
    acknowledged: int
    assigned: int


class OpenAlerts(ResponseModel):
    """Open alerts that are not hidden, by severity and state."""

    model_config = example(_OPEN)

    critical: StateCounts
    high: StateCounts
    medium: StateCounts
    low: StateCounts

    @classmethod
    def of(cls, found: Open) -> OpenAlerts:
        """From the domain's."""
        return cls(**{severity: _states(found, severity) for severity in SEVERITIES})


def _states(found: Open, severity: Severity) -> StateCounts:
    states = found.get(severity, {})
    return StateCounts(**{state: states.get(state, 0) for state in ACKNOWLEDGEMENTS})


class OpenedAlerts(ResponseModel):
    """Alerts that were opened in a period that ends now; those that were hidden at once do not count."""

    model_config = example(_OPENED)

    total: int
    before: int = Field(description="In the period of the same length before it: the trend.")
    critical: int
    high: int
    medium: int
    low: int

    @classmethod
    def of(cls, it: Opened) -> OpenedAlerts:
        """From the domain's."""
        severities = {severity: it.severities.get(severity, 0) for severity in SEVERITIES}
        return cls(total=it.total, before=it.before, **severities)


class ResponseTimes(ResponseModel):
    """From opening to a person's first answer, of the last week: median and 95th percentile (nearest rank), seconds."""

    model_config = example(_TIMES)

    count: int
    median_s: float
    p95_s: float

    @classmethod
    def of(cls, it: AnswerTimes | None) -> ResponseTimes | None:
        """From the domain's."""
        if it is None:
            return None
        return cls(count=it.count, median_s=it.median_ns / SECOND_NS, p95_s=it.p95_ns / SECOND_NS)


class Responses(ResponseModel):
    """Response times by severity; null: none was answered."""

    model_config = example(_RESPONSES)

    critical: ResponseTimes | None
    high: ResponseTimes | None
    medium: ResponseTimes | None
    low: ResponseTimes | None


class DeviceCounts(ResponseModel):
    """Devices of a kind."""

    model_config = example(_DEVICES)

    total: int
    working: int = Field(description="Those that work now.")
    availability: float = Field(description="Mean share of the last 24 hours in which they worked, 0 to 1.")

    @classmethod
    def of(cls, it: DeviceFigures | None) -> DeviceCounts | None:
        """From the domain's."""
        return None if it is None else cls(total=it.total, working=it.working, availability=it.share)


class Devices(ResponseModel):
    """Devices by kind; null: there are none. Boxes belong to the site, not to its areas."""

    model_config = example(_KINDS)

    camera: DeviceCounts | None
    door: DeviceCounts | None
    box: DeviceCounts | None


class OverviewFigures(ResponseModel):
    """The figures of an area, of a site, or of everything."""

    model_config = example(_FIGURES)

    open: OpenAlerts
    last_hour: OpenedAlerts
    last_day: OpenedAlerts
    last_week: OpenedAlerts
    hours: list[int] = Field(description="Alerts opened in each of the last 24 hours, the oldest first.")
    responses: Responses
    devices: Devices

    @classmethod
    def of(cls, it: GroupFigures, found: Open) -> OverviewFigures:
        """From the domain's."""
        return cls(
            open=OpenAlerts.of(found), last_hour=OpenedAlerts.of(it.opened["hour"]),
            last_day=OpenedAlerts.of(it.opened["day"]), last_week=OpenedAlerts.of(it.opened["week"]),
            hours=list(it.hours),
            responses=Responses(**{name: ResponseTimes.of(it.answers.get(name)) for name in SEVERITIES}),
            devices=Devices(
                camera=DeviceCounts.of(it.devices.get("camera")), door=DeviceCounts.of(it.devices.get("door")),
                box=DeviceCounts.of(it.devices.get("box")),
            ),
        )  # fmt: skip


class AreaOverview(ResponseModel):
    """An area: those of its places that the caller may see."""

    model_config = example(_AREA)

    area: str
    figures: OverviewFigures


class SiteOverview(ResponseModel):
    """A site: those of its places that the caller may see, whether they belong to an area or not."""

    model_config = example(_SITE)

    site: str
    name: str
    figures: OverviewFigures
    areas: list[AreaOverview] = Field(description="A place in several areas counts in each.")


class OverviewResponse(ResponseModel):
    """The figures of the caller's sites and areas."""

    model_config = example(as_of="2026-11-23T08:00:00.000000000Z", total=_FIGURES, sites=[_SITE], left_out=0)

    as_of: Time
    total: OverviewFigures = Field(description="Of all of the caller's places; each counts once.")
    sites: list[SiteOverview]
    left_out: int = Field(description="Sites beyond the first 500: they count in `total`; ask for each by `site`.")

    @classmethod
    def of(cls, it: Overview, names: Mapping[str, str]) -> OverviewResponse:
        """From the service's; `names` are those of the sites."""

        def shown(group: Group) -> OverviewFigures:
            return OverviewFigures.of(it.groups[group], it.open.get(group, {}))

        areas: dict[str, list[AreaOverview]] = {site: [] for site, area in it.groups if site and not area}
        for site, area in it.groups:
            if area:
                areas[site].append(AreaOverview(area=area, figures=shown((site, area))))
        return cls(
            as_of=to_rfc3339(it.now_ns), total=shown(ALL), left_out=it.left_out,
            sites=[
                SiteOverview(site=site, name=names.get(site, site), figures=shown((site, "")), areas=its)
                for site, its in areas.items()
            ],
        )  # fmt: skip
