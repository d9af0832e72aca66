"""Reports: the figures of ISA-18.2, availability, retention, and the quality of rules with changes replayed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Protocol

from aggregator.domain.accounts.authorization import Principal, Scope
from aggregator.domain.quality.aggregates import Aggregates, Source
from aggregator.domain.quality.availability import Availability, Device, availability
from aggregator.domain.quality.false_alarms import Quality, by_device, by_rule
from aggregator.domain.quality.figures import MOST_DAYS, MOST_OPERATORS, Figures, figures
from aggregator.domain.quality.replay import Effect, Suggestion, replay
from aggregator.domain.quality.suggestions import Proposal, RuleHistory, proposals
from aggregator.domain.store_port.events import FleetReader
from aggregator.domain.store_port.statistics import Span, StatisticsReader
from aggregator.services.site_clock import SiteClock
from aggregator.settings.aggregator import Keep, Retention
from common.clock import DAY_NS
from common.errors import ContractError, Forbidden
from protocol.receipts import DoorStatus


class Reader(StatisticsReader, FleetReader, Protocol):
    """What the service reads."""


@dataclass(frozen=True)
class Asked:
    """What a report is about.

    Attributes:
        site: None: all sites within the caller's scope.
        operators: How many people share the alerts.
    """

    span: Span
    site: str | None = None
    operators: int = 1


@dataclass(frozen=True)
class RetentionLine:
    """How long something is kept, days, and since when it is there; None: there is none of it."""

    what: str
    floor_days: int
    ceiling_days: int
    oldest_ns: int | None


@dataclass(frozen=True)
class Report:
    """All figures of a span; `retention` is empty for people who do not see everything."""

    asked: Asked
    zone: tzinfo
    counted: Aggregates
    figures: Figures
    availability: Sequence[Availability]
    retention: Sequence[RetentionLine]


@dataclass(frozen=True)
class RuleReport:
    """What changes of a rule would have done in a span.

    Attributes:
        complete: On all of its stored events.
        picture_px: The height of the camera's analysed pictures, pixels; 0: not known.
    """

    source: Source
    events: int
    complete: bool
    proposals: Sequence[Proposal]
    picture_px: int = 0


@dataclass(frozen=True)
class StatisticsService:
    """Reads figures, after a check of permissions.

    Args:
        reader: Of the store.
        sites: Names and time zones of sites.
        kept: How long things are kept.
    """

    reader: Reader
    sites: SiteClock
    kept: Retention

    async def report(self, caller: Principal, asked: Asked) -> Report:
        """The figures of a span.

        Raises:
            Forbidden: The site is not theirs.
            ContractError: A field is wrong.
        """
        within = self._within(caller, asked)
        return await asyncio.to_thread(self._report, within, asked)

    async def quality(self, caller: Principal, asked: Asked) -> tuple[list[Quality], list[Quality]]:
        """The quality of each rule, and of each device.

        Raises:
            Forbidden: The site is not theirs.
            ContractError: A field is wrong.
        """
        within = self._within(caller, asked)
        rows = await asyncio.to_thread(self.reader.outcomes, asked.span, within, asked.site)
        return by_rule(rows), by_device(rows)

    async def rule(self, caller: Principal, source: Source, span: Span) -> RuleReport:
        """Changes of a rule that would have kept false alarms away, with what they would have done.

        Raises:
            Forbidden: The place is not theirs.
            ContractError: A field is wrong.
        """
        self._need(caller, source, span)
        history, complete = await asyncio.to_thread(self._history, source, span)
        found = await asyncio.to_thread(proposals, history)
        return RuleReport(source, len(history.events), complete, found, await self.picture_px(source))

    async def picture_px(self, source: Source) -> int:
        """The height of the analysed pictures of a rule's camera, pixels; 0: not known."""
        where = (source.site, source.box, source.place)
        cameras = await asyncio.to_thread(self.reader.cameras)
        return next((it.height for it in cameras if (it.site, it.box, it.id) == where), 0)

    async def replay(self, caller: Principal, source: Source, span: Span, change: Suggestion) -> Effect:
        """What one change of a rule would have done.

        Raises:
            Forbidden: The place is not theirs.
            ContractError: A field is wrong.
        """
        self._need(caller, source, span)
        history, _ = await asyncio.to_thread(self._history, source, span)
        return await asyncio.to_thread(replay, change, history.events, history.outcomes, history.zone)

    def _need(self, caller: Principal, source: Source, span: Span) -> None:
        _check(span)
        caller.need("reports.see", source.site, source.place)

    def _within(self, caller: Principal, asked: Asked) -> Scope:
        _check(asked.span)
        if not 1 <= asked.operators <= MOST_OPERATORS:
            raise ContractError(f"operators: must be from 1 to {MOST_OPERATORS}")
        within = caller.within("reports.see")
        if asked.site is not None and not within.touches(asked.site):
            raise Forbidden(f"reports.see at {asked.site} is not among your roles")
        return within

    def _history(self, source: Source, span: Span) -> tuple[RuleHistory, bool]:
        found = self.reader.rule_events(source, span)
        zones = {(it.site, it.box): it.timezone for it in self.reader.boxes()}
        zone = self.sites.zone(source.site, zones.get((source.site, source.box)))
        return RuleHistory(found.events, found.outcomes, zone), found.complete

    def _report(self, within: Scope, asked: Asked) -> Report:
        now_ns = self.sites.clock.wall_ns()
        span = (asked.span[0], min(asked.span[1], max(now_ns, asked.span[0] + 1)))
        counted = self.reader.alert_figures(span, within, asked.site, now_ns)
        zone = self._zone(within, asked.site)
        seen = self.reader.state_events(span, within, asked.site)
        return Report(
            Asked(span, asked.site, asked.operators), zone, counted, figures(counted, span, asked.operators, zone),
            availability(seen, self._devices(within, asked.site), span),
            self._retention() if within.everywhere else (),
        )  # fmt: skip

    def _zone(self, within: Scope, site: str | None) -> tzinfo:
        """The zone of the site, or that of all sites within the scope where it is one."""
        boxes = [it for it in self.reader.boxes() if within.touches(it.site) and site in (None, it.site)]
        zones = {self.sites.zone(it.site, it.timezone).key for it in boxes}
        zones |= {self.sites.zone(it).key for it in self.sites.sites if within.touches(it) and site in (None, it)}
        return self.sites.zone("", zones.pop()) if len(zones) == 1 else self.sites.zone("", "UTC")

    def _devices(self, within: Scope, site: str | None) -> list[Device]:
        reader = self.reader
        found = [(it.site, it.box, it.id) for it in reader.cameras()]
        found += [(it.site, it.box, it.status.id) for it in reader.places() if isinstance(it.status, DoorStatus)]
        found += [(it.site, it.box, "") for it in reader.boxes()]
        return [Device(*it) for it in found if site in (None, it[0]) and within.holds(it[0], it[2])]

    def _retention(self) -> list[RetentionLine]:
        kept: Mapping[str, Keep] = {
            "pictures": self.kept.thumbnails, "events": self.kept.events, "alerts": self.kept.alerts,
            "record": self.kept.record,
        }  # fmt: skip
        oldest = self.reader.oldest()
        return [RetentionLine(it, kept[it].floor_days, kept[it].ceiling_days, oldest[it]) for it in kept]


def _check(span: Span) -> None:
    if not 0 <= span[0] < span[1]:
        raise ContractError("to: must be later than from")
    if span[1] - span[0] > MOST_DAYS * DAY_NS:
        raise ContractError(f"from: must be at most {MOST_DAYS} days before to")
