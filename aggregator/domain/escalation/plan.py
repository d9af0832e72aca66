"""The steps of an alert's escalation, and whom each one notifies."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from aggregator.domain.escalation.calendar import Holidays, is_open
from aggregator.domain.escalation.rota import on_call
from aggregator.settings.escalation import ROTA, SUPERVISORS, USER, WHOLE_SITE, Chain, Escalation, Level, Severity
from aggregator.settings.escalation_checks import levels_of
from common.clock import SECOND_NS


@dataclass(frozen=True)
class Step:
    """One notification of a level.

    Attributes:
        level: Who, and how long they have.
        number: From 0.
        wait_ns: Until the next step, nanoseconds.
    """

    level: Level
    number: int
    wait_ns: int


@dataclass(frozen=True)
class Recipients:
    """Whom a step notifies.

    Attributes:
        users: Their names, each once.
        fallback: The configuration named nobody who can be reached: these are the supervisors of the scope.
        skipped: The level's calendar is closed and it has nobody outside of its hours.
    """

    users: tuple[str, ...]
    fallback: bool = False
    skipped: bool = False


@dataclass(frozen=True)
class Surroundings:
    """What `recipients` needs beside the configuration.

    Attributes:
        zone: The site's time zone.
        holidays: Public holidays.
        known: Whether a user exists and may log in.
        supervisors: Those of the alert's site or area.
    """

    zone: ZoneInfo
    holidays: Holidays
    known: Callable[[str], bool]
    supervisors: tuple[str, ...]


def chain_of(whole: Escalation, areas: Iterable[str]) -> Chain | None:
    """The chain of an alert whose place lies in these areas: an area's own, else that of the rest of the site."""
    mine = set(areas)
    named = (chain for chain in whole.chains.values() if mine & set(chain.areas))
    rest = (chain for chain in whole.chains.values() if WHOLE_SITE in chain.areas)
    return next(named, None) or next(rest, None)


def steps(whole: Escalation, chain: Chain, severity: Severity) -> list[Step]:
    """All steps for a severity: the chain's levels, those of the chains that follow, and the last one's repetitions."""
    levels = [level for level in levels_of(whole, chain) if severity in level.limits]
    if levels:
        levels += [levels[-1]] * _last(whole, chain).repeat
    return [Step(it, number, round(it.limits[severity] * 60 * SECOND_NS)) for number, it in enumerate(levels)]


def steps_at(whole: Escalation, areas: Iterable[str], severity: Severity) -> list[Step]:
    """The steps of an alert of a severity whose place lies in these areas; none where no chain covers it."""
    chain = chain_of(whole, areas)
    return steps(whole, chain, severity) if chain is not None else []


def recipients(whole: Escalation, level: Level, at_ns: int, around: Surroundings) -> Recipients:
    """Whom a level notifies at an instant; the supervisors of the scope where it names nobody who is there."""
    named: tuple[str, ...] = level.notify
    calendar = whole.calendars.get(level.calendar)
    if calendar is not None and not is_open(calendar, at_ns, around.zone, around.holidays):
        named = level.outside
        if not named:
            return Recipients((), skipped=True)
    found = dict.fromkeys(user for target in named for user in _resolve(whole, target, at_ns, around))
    users = tuple(user for user in found if around.known(user))
    return Recipients(users) if users else Recipients(around.supervisors, fallback=True)


def _resolve(whole: Escalation, target: str, at_ns: int, around: Surroundings) -> tuple[str, ...]:
    if target == SUPERVISORS:
        return around.supervisors
    if target.startswith(USER):
        return (target.removeprefix(USER),)
    rota = whole.rotas.get(target.removeprefix(ROTA))
    return (on_call(rota, at_ns, around.zone),) if rota is not None and rota.people else ()


def _last(whole: Escalation, chain: Chain) -> Chain:
    """The chain at the end of those that follow."""
    seen = [chain]
    while (following := whole.chains.get(seen[-1].then)) is not None and not any(following is it for it in seen):
        seen.append(following)
    return seen[-1]
