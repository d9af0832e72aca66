"""What must hold between chains, rotas and calendars: known names, no loop, somebody on call at every hour."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from aggregator.settings import escalation as config

if TYPE_CHECKING:
    from aggregator.settings.escalation import Chain, Escalation, Level

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def problems(whole: Escalation) -> list[str]:
    """What is wrong, each beginning with its field; empty: nothing."""
    return [*_names(whole), *_unknown(whole), *_areas(whole), *(_loops(whole) or _uncovered(whole))]


def _names(whole: Escalation) -> Iterator[str]:
    for part in ("chains", "rotas", "calendars"):
        for name in getattr(whole, part):
            if not _NAME.fullmatch(name):
                yield f"{part}: the name '{name[:40]}' must be 1 to 64 of letters, digits, '_', '.', '-'"


def _unknown(whole: Escalation) -> Iterator[str]:
    for name, chain in whole.chains.items():
        if chain.then and chain.then not in whole.chains:
            yield f"chains.{name}.then: there is no chain '{chain.then}'{_hint(chain.then, whole.chains)}"
        for number, level in enumerate(chain.levels):
            where = f"chains.{name}.levels[{number}]"
            if level.calendar and level.calendar not in whole.calendars:
                hint = _hint(level.calendar, whole.calendars)
                yield f"{where}.calendar: there is no calendar '{level.calendar}'{hint}"
            for field in ("notify", "outside"):
                for place, target in enumerate(getattr(level, field)):
                    rota = target.removeprefix(config.ROTA)
                    if rota != target and rota not in whole.rotas:
                        yield f"{where}.{field}[{place}]: there is no rota '{rota}'{_hint(rota, whole.rotas)}"


def _areas(whole: Escalation) -> Iterator[str]:
    seen: dict[str, str] = {}
    for name, chain in whole.chains.items():
        for area in chain.areas:
            if area in seen and seen[area] != name:
                yield f"chains.{name}.areas: '{area}' has the chain '{seen[area]}' already"
            seen.setdefault(area, name)


def _loops(whole: Escalation) -> list[str]:
    for name in whole.chains:
        path = [name]
        while (chain := whole.chains.get(path[-1])) is not None and chain.then:
            path.append(chain.then)
            if chain.then in path[:-1]:
                return [f"chains.{path[-2]}.then: a loop: {' → '.join(path)}; remove one 'then'"]
    return []


def _uncovered(whole: Escalation) -> Iterator[str]:
    """Chains of an area that at some hour, or for some severity, notify nobody; and those that never end."""
    for name, chain in whole.chains.items():
        if not chain.areas:
            continue
        levels = list(levels_of(whole, chain))
        for severity in sorted({it for level in levels for it in level.limits}):
            used = [level for level in levels if severity in level.limits]
            if all(level.calendar and not level.outside for level in used):
                fix = "give one level 'outside', or no calendar"
                hours = ", ".join(sorted({level.calendar for level in used}))
                yield f"chains.{name}.levels: nobody is on call for '{severity}' outside of the hours of {hours}; {fix}"
        if not any("critical" in level.limits for level in levels):
            yield f"chains.{name}.levels: no level has minutes for 'critical': nobody would be notified of these alerts"
        if len(levels) + chain.repeat > config.MOST_STEPS:
            yield f"chains.{name}: with what follows it has more than {config.MOST_STEPS} steps; make it shorter"


def levels_of(whole: Escalation, chain: Chain) -> Iterator[Level]:
    """The levels of a chain and of those that follow it; a loop ends where it would begin again."""
    seen: list[Chain] = []
    following: Chain | None = chain
    while following is not None and not any(following is it for it in seen):
        seen.append(following)
        yield from following.levels
        following = whole.chains.get(following.then)


def _hint(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else ""
