"""The silences, maintenance windows and shelved sources of a hand-over."""

from __future__ import annotations

from collections.abc import Mapping

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.quiet import maintenance, silence
from aggregator.domain.quiet.maintenance import Window
from aggregator.domain.quiet.matching import FIELDS, Universe
from aggregator.domain.quiet.shelving import Shelf
from aggregator.domain.quiet.silence import Silence
from aggregator.domain.shift.handover import MOST_QUIET, QuietLine
from aggregator.domain.store_port.quiet import QuietReader
from aggregator.services.monitoring.quiet_service import MOST_READ

Names = Mapping[tuple[str, str, str], str]


def quiet_lines(
    reader: QuietReader, universe: Universe, within: Scope, names: Names, now_ns: int
) -> tuple[QuietLine, ...]:
    """What has not ended and can hide something within a scope; what ends first comes first.

    Args:
        reader: Of decisions.
        universe: What there is at each site.
        within: The scope.
        names: (site, box, id) → what people call a place.
        now_ns: The wall clock.
    """
    found = [
        *(_of_silence(it, names) for it in reader.silences(now_ns, False, MOST_READ)
          if silence.touches(it.match, universe, within)),
        *(_of_window(it, names) for it in reader.maintenance_windows(now_ns, False, MOST_READ)
          if maintenance.touches(it, universe, within)),
        *(_of_shelf(it, names) for it in reader.shelves(now_ns, False, MOST_READ)
          if within.holds(it.source.site, it.source.place)),
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda it: (it.until_ns, it.what, it.from_ns))[:MOST_QUIET])


def _named(places: tuple[str, ...], sites: tuple[str, ...], names: Names) -> tuple[str, ...]:
    """What people call places; the id of one without a name."""
    known = {place: name for (site, _, place), name in names.items() if site in sites and name}
    return tuple(known.get(it, it) for it in places)


def _of_silence(it: Silence, names: Names) -> QuietLine:
    match = it.match
    covers = {name: tuple(getattr(match, name)) for name in FIELDS if name != "site" and getattr(match, name)}
    if "place" in covers:
        covers["place"] = _named(covers["place"], match.site, names)
    return QuietLine(
        what="silence", sites=match.site, covers=covers, owner=it.owner, reason=it.reason, from_ns=it.from_ns,
        until_ns=it.until_ns,
    )  # fmt: skip


def _of_window(it: Window, names: Names) -> QuietLine:
    covers = {"area": (it.area,) if it.area else (), "place": _named(it.devices, (it.site,), names)}
    return QuietLine(
        what="maintenance", sites=(it.site,), covers={name: values for name, values in covers.items() if values},
        owner=it.owner, reason=it.reason, from_ns=it.from_ns, until_ns=it.until_ns, weekly=it.weekly is not None,
    )  # fmt: skip


def _of_shelf(it: Shelf, names: Names) -> QuietLine:
    source = it.source
    covers = {"place": _named((source.place,), (source.site,), names)}
    return QuietLine(
        what="shelf", sites=(source.site,), covers=covers | ({"kind": (source.kind,)} if source.kind else {}),
        owner=it.owner, reason=it.reason, from_ns=it.made_ns, until_ns=it.until_ns,
    )  # fmt: skip
