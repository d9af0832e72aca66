"""The overview of sites and areas: figures for other platforms, wall screens and Prometheus. No pictures, no names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from aggregator.domain.accounts.authorization import Areas, Principal, Scope
from aggregator.domain.alerts.types import Acknowledgement, Severity
from aggregator.domain.quality.availability import Device, availability
from aggregator.domain.quality.overview import (
    DeviceState,
    Group,
    GroupFigures,
    Groups,
    OpenStates,
    RecentAlerts,
    figures,
    open_by_state,
)
from aggregator.domain.store_port.events import FleetReader
from aggregator.domain.store_port.statistics import StatisticsReader
from aggregator.services.site_clock import SiteClock
from common.clock import DAY_NS, SECOND_NS
from common.errors import Forbidden
from common.running.fresh_value import FreshValue
from protocol.receipts import DoorStatus

OPEN_NS, RECENT_NS = SECOND_NS, 15 * SECOND_NS
"""Open alerts are read at most once in `OPEN_NS` for all readers, the other figures in `RECENT_NS`."""
MOST_SITES, MOST_SCOPES = 500, 64
EVERYWHERE = Scope(everywhere=True)
_LOST = frozenset({"lost", "refused", "starting"})
Open: TypeAlias = Mapping[Severity, Mapping[Acknowledgement, int]]


class Reader(StatisticsReader, FleetReader, Protocol):
    """What the service reads."""


@dataclass(frozen=True)
class _Snapshot:
    """What was read together; each scope's figures are added up once."""

    now_ns: int
    recent: RecentAlerts
    devices: Sequence[DeviceState]
    by_scope: dict[Scope, dict[Group, GroupFigures]] = field(default_factory=dict)


@dataclass(frozen=True)
class Overview:
    """Figures of groups of a scope.

    Attributes:
        now_ns: When they were read, UTC nanoseconds.
        groups: Group → figures, sorted; `ALL` of all groups is the first.
        open: Group → open alerts, where there are any.
        left_out: Sites beyond the first `MOST_SITES`; they count in `ALL`.
    """

    now_ns: int
    groups: Mapping[Group, GroupFigures]
    open: Mapping[Group, Open]
    left_out: int


class OverviewService:
    """May be used from any thread but that of the event loop.

    Args:
        reader: Of the store.
        sites: Names of sites, and the clock.
        areas: The areas of each place.
    """

    def __init__(self, reader: Reader, sites: SiteClock, areas: Areas) -> None:
        self._reader, self.sites, self._areas = reader, sites, areas
        self._open: FreshValue[OpenStates] = FreshValue(reader.open_states, sites.clock, OPEN_NS)
        self._recent = FreshValue(self._read, sites.clock, RECENT_NS)

    def overview(self, caller: Principal, site: str | None = None) -> Overview:
        """The figures of a caller's sites and areas, of one site or of all.

        Raises:
            Forbidden: The site is not theirs.
            StoreError: They cannot be read.
        """
        within = caller.within("overview.see")
        if site is not None and not within.touches(site):
            raise Forbidden(f"overview.see at {site} is not among your roles")
        return self.of_scope(within if site is None else _of_site(within, site))

    def of_scope(self, within: Scope) -> Overview:
        """The figures within a scope.

        Raises:
            StoreError: They cannot be read.
        """
        known, groups = self._recent.get(), Groups(within, self._areas)
        if within not in known.by_scope and len(known.by_scope) >= MOST_SCOPES:
            known.by_scope.clear()
        found = known.by_scope.get(within)
        if found is None:
            found = known.by_scope[within] = figures(known.recent, known.devices, groups)
        sites = sorted({site for site, _ in found if site})
        listed = {"", *sites[:MOST_SITES]}
        return Overview(
            known.now_ns,
            {group: it for group, it in found.items() if group[0] in listed},
            {group: it for group, it in open_by_state(self._open.get(), groups).items() if group[0] in listed},
            max(len(sites) - MOST_SITES, 0),
        )

    def _read(self) -> _Snapshot:
        now_ns = self.sites.clock.wall_ns()
        return _Snapshot(now_ns, self._reader.recent_alerts(now_ns), self._devices(now_ns))

    def _devices(self, now_ns: int) -> list[DeviceState]:
        reader = self._reader
        online = {(it.site, it.box): it.online for it in reader.boxes()}
        working = {Device(site, box, ""): on for (site, box), on in online.items()}
        working |= {
            Device(it.site, it.box, it.id): online.get((it.site, it.box), False) and it.state not in _LOST
            for it in reader.cameras()
        }
        doors = {
            Device(it.site, it.box, it.status.id): it.online and it.status.state != "offline"
            for it in reader.places()
            if isinstance(it.status, DoorStatus)
        }
        span = (now_ns - DAY_NS, now_ns)
        events = reader.state_events(span, EVERYWHERE, None)
        shares = {it.device: it.share for it in availability(events, working | doors, span)}
        return [
            DeviceState(
                "door" if device in doors else "camera" if device.place else "box",
                device.site, device.place, works, shares[device],
            )
            for device, works in sorted((working | doors).items())
        ]  # fmt: skip


def _of_site(within: Scope, site: str) -> Scope:
    """The part of a scope that lies at one site."""
    if within.everywhere or site in within.sites:
        return Scope(sites=frozenset({site}))
    return Scope(places=frozenset(it for it in within.places if it[0] == site))
