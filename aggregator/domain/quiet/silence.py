"""Silences: alerts that match are not shown or announced, for a reason and until an end.

A silence is a supervisor's decision. It covers critical alerts only where its matcher names that severity.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from aggregator.domain.accounts.authorization import Areas, Scope
from aggregator.domain.quiet.matching import CompiledMatcher, Matchable, Matcher, Universe
from aggregator.domain.quiet.matching import check as check_matcher
from common.clock import DAY_NS
from common.errors import QuietError
from protocol.identifiers import one_line

MatchableT = TypeVar("MatchableT", bound=Matchable)
MOST_DAYS = 30
"""Length of a silence. What is wanted for longer is a change of a rule."""
MOST_AHEAD_DAYS = 90
"""How far ahead a silence or a maintenance window may begin."""
MOST_SILENCES = 200
"""Of one site that have not ended: the bound of what an alert is compared with."""


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """A silence. Times are UTC nanoseconds; it counts from `from_ns` to before `until_ns`.

    Attributes:
        owner: Who answers for it.
        reason: Why, in the owner's words.
        made_ns: When it was made.
        ended_by: Who ended it early; `until_ns` is when.
    """

    id: str
    match: Matcher
    owner: str
    reason: str
    from_ns: int
    until_ns: int
    made_ns: int
    ended_by: str = ""

    def active(self, now_ns: int) -> bool:
        """Whether it counts at a moment."""
        return self.from_ns <= now_ns < self.until_ns


def check(silence: Silence, universe: Universe, now_ns: int) -> Silence:
    """The silence as it is kept: without spaces around the reason.

    Raises:
        QuietError: It cannot be; names the field and the fix.
    """
    check_matcher(silence.match, universe)
    check_span(silence.from_ns, silence.until_ns, now_ns, MOST_DAYS)
    return msgspec.structs.replace(silence, reason=check_reason(silence.reason))


def check_reason(reason: str) -> str:
    """A reason without spaces around it.

    Raises:
        QuietError: It has fewer than 3 or more than 200 characters, or control characters.
    """
    text = one_line(reason, 3, 200)
    if text is None:
        raise QuietError("reason: write 3 to 200 characters without line feeds")
    return text


def check_span(from_ns: int, until_ns: int, now_ns: int, most_days: float) -> None:
    """Refuse an end that is missing, past or too far away.

    Raises:
        QuietError: Names the field and the fix.
    """
    if until_ns <= max(from_ns, now_ns):
        raise QuietError("until: has passed, or is not later than from")
    if from_ns > now_ns + MOST_AHEAD_DAYS * DAY_NS:
        raise QuietError(f"from: at most {MOST_AHEAD_DAYS} days ahead")
    if until_ns - max(from_ns, now_ns) > most_days * DAY_NS:
        raise QuietError(f"until: at most {most_days:g} days after it begins; renew it then if it is still needed")


def end(silence: Silence, who: str, now_ns: int) -> Silence:
    """The silence, ended early.

    Raises:
        QuietError: It has ended already.
    """
    if now_ns >= silence.until_ns:
        raise QuietError("the silence has ended already")
    return msgspec.structs.replace(silence, until_ns=now_ns, from_ns=min(silence.from_ns, now_ns), ended_by=who)


def lies_within(match: Matcher, universe: Universe, scope: Scope) -> bool:
    """Whether all that a matcher can cover lies within a scope: whole sites, or places that the matcher names."""
    for site in match.site:
        if scope.holds(site):
            continue
        named = frozenset(match.place) or (universe.places_in(site, match.area) if match.area else frozenset())
        if not named or not all(scope.holds(site, place) for place in named):
            return False
    return True


def touches(match: Matcher, universe: Universe, scope: Scope) -> bool:
    """Whether a matcher can cover something within a scope; whoever sees that place may see the silence."""
    for site in match.site:
        if scope.holds(site):
            return True
        named = frozenset(match.place) or (universe.places_in(site, match.area) if match.area else frozenset())
        if any(scope.holds(site, place) for place in named) or (not named and scope.touches(site)):
            return True
    return False


class SilenceIndex:
    """Silences by site. An alert is compared with those of its site only, at most `MOST_SILENCES`."""

    def __init__(self, silences: Iterable[Silence], areas: Areas) -> None:
        self._areas = areas
        self._of_site: dict[str, list[tuple[Silence, CompiledMatcher]]] = {}
        for silence in silences:
            compiled = CompiledMatcher(silence.match)
            for site in set(silence.match.site):
                self._of_site.setdefault(site, []).append((silence, compiled))

    def find(self, alert: Matchable, now_ns: int) -> Silence | None:
        """The active silence that covers an alert and ends last."""
        found = [
            silence
            for silence, matcher in self._of_site.get(alert.site, ())
            if silence.active(now_ns) and matcher.covers(alert, self._areas)
        ]
        return max(found, key=lambda it: (it.until_ns, it.id), default=None)


def would_hide(match: Matcher, alerts: Iterable[MatchableT], areas: Areas) -> list[MatchableT]:
    """Of these alerts, those that a silence with this matcher covers: the preview."""
    compiled = CompiledMatcher(match)
    return [alert for alert in alerts if compiled.covers(alert, areas)]
