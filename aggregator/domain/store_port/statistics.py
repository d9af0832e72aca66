"""Figures of alerts, quality of rules, states of devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.quality.aggregates import Aggregates, Source
from aggregator.domain.quality.availability import StateEvent
from aggregator.domain.quality.false_alarms import OutcomeRow
from aggregator.domain.quality.overview import OpenStates, RecentAlerts
from aggregator.domain.quality.replay import StoredEvent

Span = tuple[int, int]
"""From and to, UTC nanoseconds; the end does not belong to it."""


@dataclass(frozen=True)
class RuleEvents:
    """The newest stored events of a rule, and the outcomes of the alerts that they belong to.

    Attributes:
        complete: Whether these are all events of the span.
    """

    events: list[StoredEvent]
    outcomes: Mapping[str, str]
    complete: bool


class OverviewReader(Protocol):
    """Reads what the overview of all sites is made of."""

    def open_states(self) -> OpenStates:
        """Open alerts that are not hidden, by place, severity and acknowledgement."""

    def recent_alerts(self, now_ns: int) -> RecentAlerts:
        """Alerts that were opened lately: `LOOKS_BACK_NS` and the present; response times of the newest 20,000."""


class StatisticsReader(OverviewReader, Protocol):
    """Reads figures. `site` None: all sites within the scope."""

    def alert_figures(self, span: Span, within: Scope, site: str | None, now_ns: int) -> Aggregates:
        """Counts of the alerts that were opened in a span; see `aggregator/domain/quality/aggregates.py`."""

    def outcomes(self, span: Span, within: Scope, site: str | None) -> list[OutcomeRow]:
        """Closed alerts that were opened in a span, by source and outcome."""

    def rule_events(self, source: Source, span: Span) -> RuleEvents:
        """The events of a rule."""

    def state_events(self, span: Span, within: Scope, site: str | None) -> list[StateEvent]:
        """Events with which a device was lost or came back: of the span, and the newest ones before it."""

    def oldest(self) -> Mapping[str, int | None]:
        """`pictures`, `events`, `alerts`, `record` → the time of the oldest one, UTC nanoseconds; None: none."""
