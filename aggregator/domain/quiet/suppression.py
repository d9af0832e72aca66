"""Which of several reasons keeps an alert out of the queue."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Literal

from aggregator.domain.accounts.authorization import Areas
from aggregator.domain.quiet import maintenance
from aggregator.domain.quiet.inhibition import Cause, CauseKey, Observed, inhibited
from aggregator.domain.quiet.maintenance import Window
from aggregator.domain.quiet.shelving import Shelf, ShelfIndex
from aggregator.domain.quiet.silence import Silence, SilenceIndex

SuppressionKind = Literal["shelved", "silenced", "maintenance", "inhibited"]


@dataclass(frozen=True)
class Suppression:
    """Why an alert is not shown in the queue.

    Attributes:
        kind: The reason.
        by: Id of the shelf, silence, window or cause.
        until_ns: When the reason ends, UTC nanoseconds; None: with its cause.
    """

    kind: SuppressionKind
    by: str
    until_ns: int | None


@dataclass(frozen=True)
class QuietRules:
    """All decisions in force. Immutable: a change makes a new one.

    Attributes:
        shelves: Shelved alerts and sources.
        silences: Silences.
        windows: Site → its maintenance windows.
        areas: (site, place) → the areas of the place.
        zone: A site's time zone.
    """

    shelves: ShelfIndex
    silences: SilenceIndex
    windows: dict[str, tuple[Window, ...]]
    areas: Areas
    zone: Callable[[str], tzinfo] = field(repr=False)

    def suppression(
        self, alert: Observed, ended_ns: int | None, find: Callable[[CauseKey], Cause | None], now_ns: int
    ) -> Suppression | None:
        """Why an alert is suppressed now: shelved before silenced before maintenance before inhibited."""
        shelf = self.shelves.find(alert, now_ns)
        if shelf is not None:
            return Suppression("shelved", shelf.id, shelf.until_ns)
        silence = self.silences.find(alert, now_ns)
        if silence is not None:
            return Suppression("silenced", silence.id, silence.until_ns)
        windows = self.windows.get(alert.site, ())
        found = maintenance.find(windows, alert, self.areas, now_ns, self.zone(alert.site)) if windows else None
        if found is not None:
            return Suppression("maintenance", found[0].id, found[1])
        cause = inhibited(alert, ended_ns, find, now_ns)
        return Suppression("inhibited", cause.by, cause.until_ns) if cause is not None else None


def rules_of(
    shelves: Iterable[Shelf],
    silences: Iterable[Silence],
    windows: Iterable[Window],
    areas: Areas,
    zone: Callable[[str], tzinfo],
) -> QuietRules:
    """The rules in force from what is stored; ended ones may be among it."""
    of_site: dict[str, list[Window]] = {}
    for window in windows:
        of_site.setdefault(window.site, []).append(window)
    return QuietRules(
        ShelfIndex(shelves),
        SilenceIndex(silences, areas),
        {site: tuple(its) for site, its in of_site.items()},
        areas,
        zone,
    )
