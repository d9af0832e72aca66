"""Figures, availability, retention, and the quality of rules."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal

from pydantic import Field

from aggregator.domain.quality.aggregates import Quantiles, Source
from aggregator.domain.quality.box_yaml import yaml_of
from aggregator.domain.quality.false_alarms import Quality
from aggregator.domain.quality.replay import MOST_INERTIA, Asleep, Effect, Inertia, Mask, MinimumHeight, Suggestion
from aggregator.services.shift.statistics_service import Report, RuleReport
from aggregator.web.api_models.base import (
    ClockText,
    RequestModel,
    ResponseModel,
    ShortText,
    Time,
    TimeText,
    example,
    optional_time,
)
from common.clock import SECOND_NS
from common.errors import ContractError
from protocol.identifiers import to_rfc3339

_SOURCE = {"site": "village", "box": "gate-1", "camera": "cam-1", "kind": "zone.entered", "subject": "yard"}
_TIME = "2026-11-23T08:00:00.000000000Z"
_TIMES = {"count": 12, "median_s": 41.5, "p90_s": 180.0}
_EFFECT = {
    "events": 120, "dropped": 40, "unknown": 3, "alerts": 30, "not_opened": 9,
    "not_opened_by_outcome": {"false_alarm": 8, "": 1}, "examples": ["01890000-0000-7000-8000-000000000000"],
}  # fmt: skip
_CHANGE = {"change": "inertia", "looks": 5}
_Pixels = Annotated[float, Field(ge=0, le=100_000)]


class SourceModel(ResponseModel):
    """A rule of a device; for a device alone `kind` and `subject` are empty."""

    model_config = example(_SOURCE)

    site: str
    box: str
    camera: str
    kind: str
    subject: str

    @classmethod
    def of(cls, it: Source) -> SourceModel:
        """From the domain's."""
        return cls(site=it.site, box=it.box, camera=it.place, kind=it.kind, subject=it.subject)


class SourceCount(ResponseModel):
    """A source and its alerts."""

    model_config = example(source=_SOURCE, count=31, share=0.2)

    source: SourceModel
    count: int
    share: float = Field(description="Of all alerts, 0 to 1.")


class Times(ResponseModel):
    """Durations: how many, the median and the 90th percentile (nearest rank), seconds."""

    model_config = example(_TIMES)

    count: int
    median_s: float
    p90_s: float

    @classmethod
    def of(cls, it: Quantiles) -> Times:
        """From the domain's."""
        return cls(count=it.count, median_s=it.median_ns / SECOND_NS, p90_s=it.p90_ns / SECOND_NS)


class AvailabilityModel(ResponseModel):
    """How much of the span a device worked."""

    model_config = example(site="village", box="gate-1", id="cam-1", down_s=90.0, outages=1, share=0.999)

    site: str
    box: str
    id: str = Field(description="Camera or door; empty for the box.")
    down_s: float
    outages: int
    share: float


class RetentionModel(ResponseModel):
    """How long something is kept, days, and since when it is there."""

    model_config = example(what="events", floor_days=30, ceiling_days=180, oldest=_TIME)

    what: Literal["pictures", "events", "alerts", "record"]
    floor_days: int
    ceiling_days: int
    oldest: Time | None


class StatisticsResponse(ResponseModel):
    """The figures of ISA-18.2 (IEC 62682) of a span. Alerts count by the time when they were opened."""

    model_config = example({
        "from": _TIME, "to": _TIME, "site": "village", "operators": 2, "time_zone": "Asia/Shanghai", "alerts": 155,
        "a_day": 77.5, "an_interval": 0.54, "most_in_interval": 7.0, "flood_share": 0.0, "floods": 0, "stale": 1,
        "chattering": 0, "days": {"2026-11-23": 155}, "severities": {"medium": 150, "high": 5},
        "sources": [{"source": _SOURCE, "count": 31, "share": 0.2}], "top_share": 0.2,
        "to_acknowledge": {"high": _TIMES}, "to_close": {"high": _TIMES}, "availability": [], "retention": [],
    })  # fmt: skip

    from_: Time = Field(alias="from")
    to: Time
    site: str | None
    operators: int
    time_zone: str = Field(description="Of the days.")
    alerts: int
    a_day: float = Field(description="For each operator and 24 hours.")
    an_interval: float = Field(description="For each operator and ten minutes, on average.")
    most_in_interval: float
    flood_share: float = Field(description="Share of the time in a flood: above 10 in 10 minutes until below 5.")
    floods: int
    stale: int = Field(description="Alerts whose condition is active now and was for more than 24 hours.")
    chattering: int
    days: dict[date, int]
    severities: dict[str, int]
    sources: list[SourceCount] = Field(description="The ten most frequent.")
    top_share: float
    to_acknowledge: dict[str, Times]
    to_close: dict[str, Times]
    availability: list[AvailabilityModel] = Field(description="The worst first.")
    retention: list[RetentionModel] = Field(description="Empty for callers who do not see all sites.")

    @classmethod
    def of(cls, it: Report) -> StatisticsResponse:
        """From the service's."""
        counted, figures = it.counted, it.figures
        total = max(counted.total, 1)
        return cls.model_validate({
            "from": to_rfc3339(it.asked.span[0]), "to": to_rfc3339(it.asked.span[1]), "site": it.asked.site,
            "operators": it.asked.operators, "time_zone": str(it.zone), "alerts": counted.total,
            "a_day": figures.a_day, "an_interval": figures.an_interval, "most_in_interval": figures.most_in_interval,
            "flood_share": figures.flood_share, "floods": figures.floods, "stale": counted.stale,
            "chattering": counted.chattering, "days": figures.days, "severities": dict(counted.severities),
            "sources": [
                SourceCount(source=SourceModel.of(source), count=count, share=count / total)
                for source, count in counted.sources
            ],
            "top_share": figures.top_share,
            "to_acknowledge": {name: Times.of(times) for name, times in counted.to_acknowledge.items()},
            "to_close": {name: Times.of(times) for name, times in counted.to_close.items()},
            "availability": [
                AvailabilityModel(
                    site=device.site, box=device.box, id=device.place, down_s=one.down_ns / SECOND_NS,
                    outages=one.outages, share=one.share,
                )
                for one in it.availability
                for device in (one.device,)
            ],
            "retention": [
                {
                    "what": line.what, "floor_days": line.floor_days, "ceiling_days": line.ceiling_days,
                    "oldest": optional_time(line.oldest_ns),
                }
                for line in it.retention
            ],
        })  # fmt: skip


class QualityModel(ResponseModel):
    """Closed alerts of a rule or a device, by outcome."""

    model_config = example(
        source=_SOURCE, real=4, false_alarm=8, test=1, maintenance=0, unjudged=17, share=0.67, low=0.39, high=0.86,
        first=_TIME, last=_TIME,
    )  # fmt: skip

    source: SourceModel
    real: int
    false_alarm: int
    test: int
    maintenance: int
    unjudged: int = Field(description="Closed by themselves: nobody said how it was.")
    share: float | None = Field(description="False alarms of those judged real or false; null: none was judged.")
    low: float | None = Field(description="Lower end of the 95 % interval of the share (Wilson).")
    high: float | None
    first: Time
    last: Time

    @classmethod
    def of(cls, it: Quality) -> QualityModel:
        """From the domain's."""
        low, high = it.interval or (None, None)
        return cls(
            source=SourceModel.of(it.source), real=it.real, false_alarm=it.false_alarm, test=it.test,
            maintenance=it.maintenance, unjudged=it.unjudged, share=it.share, low=low, high=high,
            first=to_rfc3339(it.first_ns), last=to_rfc3339(it.last_ns),
        )  # fmt: skip


class QualityResponse(ResponseModel):
    """The quality of rules and of devices, those with the most false alarms first."""

    model_config = example(rules=[], devices=[])

    rules: list[QualityModel]
    devices: list[QualityModel]


class ChangeModel(RequestModel):
    """A change of a rule: `change` says which fields count."""

    model_config = example(_CHANGE)

    change: Literal["inertia", "minimum_height", "mask", "asleep"]
    looks: int | None = Field(default=None, description="inertia: looks in a row that agree.", ge=1, le=MOST_INERTIA)
    height_px: _Pixels | None = None
    left: _Pixels | None = None
    top: _Pixels | None = None
    right: _Pixels | None = None
    bottom: _Pixels | None = None
    begin: ClockText | None = Field(default=None, description="asleep: from this local time of day.")
    end: ClockText | None = None

    def suggestion(self) -> Suggestion:
        """As the domain has it.

        Raises:
            ContractError: A field is missing.
        """
        if self.change == "inertia":
            return Inertia(self._given("looks"))
        if self.change == "minimum_height":
            return MinimumHeight(self._given("height_px"))
        if self.change == "mask":
            return Mask(*(self._given(name) for name in ("left", "top", "right", "bottom")))
        return Asleep(time.fromisoformat(self._given("begin")), time.fromisoformat(self._given("end")))

    def _given(self, name: str) -> Any:
        value = getattr(self, name)
        if value is None:
            raise ContractError(f"{name}: is missing; {self.change} needs it")
        return value

    @classmethod
    def of(cls, it: Suggestion) -> ChangeModel:
        """From the domain's."""
        if isinstance(it, Inertia):
            return cls(change="inertia", looks=it.looks)
        if isinstance(it, MinimumHeight):
            return cls(change="minimum_height", height_px=it.height_px)
        if isinstance(it, Mask):
            return cls(change="mask", left=it.left, top=it.top, right=it.right, bottom=it.bottom)
        return cls(change="asleep", begin=f"{it.begin:%H:%M}", end=f"{it.end:%H:%M}")


class EffectModel(ResponseModel):
    """What a change would have done to the stored events."""

    model_config = example(_EFFECT)

    events: int
    dropped: int = Field(description="Events that would not have been sent.")
    unknown: int = Field(description="Events of which nothing stored tells it; they count as sent.")
    alerts: int
    not_opened: int
    not_opened_by_outcome: dict[str, int] = Field(description="Outcome; empty: open, or nobody judged it.")
    examples: list[str] = Field(description="Ids of alerts that would not have been opened, real ones first.")

    @classmethod
    def of(cls, it: Effect) -> EffectModel:
        """From the domain's."""
        return cls(
            events=it.events, dropped=it.dropped, unknown=it.unknown, alerts=it.alerts, not_opened=it.gone,
            not_opened_by_outcome=dict(it.gone_by_outcome), examples=list(it.examples),
        )  # fmt: skip


class ProposalModel(ResponseModel):
    """A change, its effect, and the lines of the box's YAML that carry it out."""

    model_config = example(change=_CHANGE, effect=_EFFECT, yaml="cameras: …")

    change: ChangeModel
    effect: EffectModel
    yaml: str


class RuleResponse(ResponseModel):
    """A rule and changes that would have kept false alarms away without losing a real alert."""

    model_config = example(source=_SOURCE, events=120, complete=True, proposals=[])

    source: SourceModel
    events: int
    complete: bool = Field(description="False: only the newest 20,000 events were replayed.")
    proposals: list[ProposalModel]

    @classmethod
    def of(cls, it: RuleReport) -> RuleResponse:
        """From the service's."""
        return cls(
            source=SourceModel.of(it.source), events=it.events, complete=it.complete,
            proposals=[proposal(it.source, one.change, one.effect, it.picture_px) for one in it.proposals],
        )  # fmt: skip


def proposal(source: Source, change: Suggestion, effect: Effect, picture_px: int) -> ProposalModel:
    """A change with its effect; `picture_px` is the height of the camera's pictures, 0 where it is not known."""
    lines = yaml_of(source, change, picture_px)
    return ProposalModel(change=ChangeModel.of(change), effect=EffectModel.of(effect), yaml=lines)


class ReplayRequest(RequestModel):
    """A change to replay."""

    model_config = example({**_SOURCE, "from": _TIME, "to": _TIME, "change": _CHANGE})

    site: ShortText
    box: ShortText
    camera: ShortText
    kind: ShortText
    subject: ShortText = ""
    from_: TimeText = Field(alias="from")
    to: TimeText
    change: ChangeModel


def day_of(time_ns: int) -> str:
    """The UTC day, for names of files."""
    return f"{datetime.fromtimestamp(time_ns // SECOND_NS, UTC):%Y-%m-%d}"
