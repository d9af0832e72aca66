"""Anomalies in the audit log: many accesses, accesses without a case, hasty approvals. Pure.

A finding is unusual, not necessarily wrong. The thresholds are our own choice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

import msgspec

from aggregator.domain.audit.audit_entry import Action, AuditEntry
from common.clock import HOUR_NS, SECOND_NS

AnomalyKind = Literal["bulk", "bulk_shown", "no_case", "hasty", "always_the_same"]
LOOKS: frozenset[Action] = frozenset(
    {"search", "view", "clip", "export", "list.viewed", "list.exported", "release.fetched"}
)
SHOWN = "shown_by"
"""Detail of an access that a page made by itself, such as a preview picture: nobody has asked for that one."""
BULK = 100
"""Deliberate looks of one person within an hour."""
BULK_SHOWN = 2_000
"""Pictures that pages showed to one person within an hour: more than a person takes in."""
NO_CASE = 5
"""Looks at footage without a case within an hour."""
HASTY_NS = 60 * SECOND_NS
"""Between a request and its approval."""
PAIR = 10
"""Approvals of one person's requests by one other."""


class Anomaly(msgspec.Struct, frozen=True, kw_only=True):
    """Something to ask about.

    Attributes:
        sign: What is unusual.
        who: Who did it.
        about: A release, or the other person; empty where there is none.
        count: How many acts.
        from_ns: The first of them, UTC nanoseconds.
        to_ns: The last.
    """

    sign: AnomalyKind
    who: str
    about: str = ""
    count: int
    from_ns: int
    to_ns: int


def findings(acts: Iterable[AuditEntry]) -> list[Anomaly]:
    """What stands out among acts, the newest first.

    Args:
        acts: In any order.
    """
    ordered = sorted(acts, key=lambda act: act.time_ns)
    looks = [act for act in ordered if act.what in LOOKS and SHOWN not in act.detail]
    shown = [act for act in ordered if act.what in LOOKS and SHOWN in act.detail]
    bare = [act for act in looks if act.what in ("search", "view") and "/" in act.target and not act.case]
    found = [
        *_crowded("bulk", looks, BULK),
        *_crowded("bulk_shown", shown, BULK_SHOWN),
        *_crowded("no_case", bare, NO_CASE),
        *_approvals(ordered),
    ]
    return sorted(found, key=lambda finding: -finding.to_ns)


def _crowded(sign: AnomalyKind, acts: list[AuditEntry], least: int) -> list[Anomaly]:
    """Stretches in which one person did so much within an hour; stretches that touch are one."""
    by_person: dict[str, list[AuditEntry]] = defaultdict(list)
    for act in acts:
        by_person[act.who].append(act)
    found: list[Anomaly] = []
    for who, done in by_person.items():
        first = last = -1
        for place in range(least - 1, len(done)):
            begin = place - least + 1
            if done[place].time_ns - done[begin].time_ns > HOUR_NS:
                continue
            if first >= 0 and begin > last:
                found.append(_finding(sign, who, done[first : last + 1]))
                first = -1
            first, last = (begin if first < 0 else first), place
        if first >= 0:
            found.append(_finding(sign, who, done[first : last + 1]))
    return found


def _approvals(acts: list[AuditEntry]) -> list[Anomaly]:
    asked = {act.target: act for act in acts if act.what == "release.requested"}
    pairs: dict[tuple[str, str], list[AuditEntry]] = defaultdict(list)
    found = []
    for act in acts:
        request = asked.get(act.target)
        if act.what != "release.approved" or request is None:
            continue
        pairs[act.who, request.who].append(act)
        if act.time_ns - request.time_ns < HASTY_NS:
            found.append(_finding("hasty", act.who, [request, act], act.target, 1))
    found += [
        _finding("always_the_same", who, done, whose) for (who, whose), done in pairs.items() if len(done) >= PAIR
    ]
    return found


def _finding(sign: AnomalyKind, who: str, done: list[AuditEntry], about: str = "", count: int | None = None) -> Anomaly:
    return Anomaly(
        sign=sign, who=who, about=about, count=len(done) if count is None else count,
        from_ns=done[0].time_ns, to_ns=done[-1].time_ns,
    )  # fmt: skip
