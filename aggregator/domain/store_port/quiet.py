"""Silences, maintenance windows and shelves, and what applies them to alerts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from aggregator.domain.alerts.types import Alert
from aggregator.domain.quiet.decisions import QuietDecisions
from aggregator.domain.quiet.maintenance import Window
from aggregator.domain.quiet.shelving import Shelf
from aggregator.domain.quiet.silence import Silence


class QuietReader(Protocol):
    """Reads decisions. Each list is bounded, the newest first; without `ended`, only what has not ended."""

    def silences(self, now_ns: int, ended: bool, limit: int) -> list[Silence]:
        """Silences."""

    def maintenance_windows(self, now_ns: int, ended: bool, limit: int) -> list[Window]:
        """Maintenance windows."""

    def shelves(self, now_ns: int, ended: bool, limit: int) -> list[Shelf]:
        """Shelved sources."""

    def openings(self, since_ns: int, limit: int) -> list[tuple[int, str, str]]:
        """When alerts that are shown were opened since a time, with their site and place; the newest ones."""


class QuietLookup(Protocol):
    """What the connection that writes is asked."""

    def quiet_in_force(self, now_ns: int) -> QuietDecisions:
        """All decisions that have not ended."""

    def quiet_version(self) -> tuple[int, ...]:
        """Another value after each decision, whichever process has written it."""

    def open_alerts_of(self, site: str, after: str, limit: int) -> list[Alert]:
        """Open alerts of a site in the order of their ids, after an id."""

    def recent_causes(self, kinds: Collection[str], since_ns: int) -> list[Alert]:
        """Alerts of these kinds that are open, or whose newest event is not older, the oldest first."""

    def suppressed_sites(self) -> list[str]:
        """Sites where an open alert is suppressed."""

    def chattering_alerts(self, limit: int) -> list[Alert]:
        """Open alerts that are marked as chattering."""

    def offline_boxes(self) -> list[tuple[str, str, int]]:
        """(site, box, since when in UTC nanoseconds) of the boxes that are away by their status."""

    def known_boxes(self, site: str) -> set[str]:
        """The boxes of a site that ever sent a status."""
