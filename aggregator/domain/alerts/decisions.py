"""What a person asks for about alerts, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from aggregator.domain.alerts.types import (
    Acknowledged,
    Alert,
    Assigned,
    Closed,
    Decision,
    EscalationRequested,
    Noted,
    Reopened,
    Suppressed,
    Unassigned,
    Unsuppressed,
)
from aggregator.domain.audit.audit_entry import Action, AuditEntry

MOST_MERGED, MOST_SPLIT = 50, 500
"""Alerts merged at once; events split off at once."""


@dataclass(frozen=True)
class Merge:
    """Merge other open alerts of the same site into this one."""

    others: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """Take events out of this alert into a new one."""

    events: tuple[str, ...]


Wish: TypeAlias = (
    Acknowledged
    | Assigned
    | Unassigned
    | Noted
    | EscalationRequested
    | Closed
    | Reopened
    | Suppressed
    | Unsuppressed
    | Merge
    | Split
)


@dataclass(frozen=True)
class Request:
    """A wish about one alert.

    Attributes:
        version: The alert's version that the person has seen; None: whatever it is now.
    """

    alert_id: str
    wish: Wish
    version: int | None = None


@dataclass(frozen=True)
class Verdict:
    """What came of a request.

    Attributes:
        result: `done`; `missing`: there is no such alert within the caller's scope; `conflict`: somebody has changed
            it, or its state does not allow it; `refused`: the wish itself is wrong.
        alert: As it is now.
        reason: Why it was not done.
        created: The alert that was split off.
    """

    result: Literal["done", "missing", "conflict", "refused"]
    alert: Alert | None = None
    reason: str = ""
    created: Alert | None = None


Allowed: TypeAlias = Callable[[Alert], bool]
"""Whether the caller may work on an alert."""
Decide: TypeAlias = Callable[[Sequence[Request], Decision, Allowed], list[Verdict]]
"""Commits decisions and publishes the changes; called on the writer's thread."""

ACTIONS: dict[type[Wish], Action] = {
    Acknowledged: "alert.acknowledged",
    Assigned: "alert.assigned",
    Unassigned: "alert.unassigned",
    Noted: "alert.noted",
    EscalationRequested: "alert.escalated",
    Closed: "alert.closed",
    Reopened: "alert.reopened",
    Suppressed: "alert.shelved",
    Unsuppressed: "alert.unshelved",
    Merge: "alert.merged",
    Split: "alert.split",
}
"""What the audit log calls each wish."""


def audit_of(alert: Alert, wish: Wish, decision: Decision, now_ns: int) -> AuditEntry:
    """The audit entry of a decision. A note stands in the alert's history only: the audit log is kept for longer."""
    detail = {"via": decision.via} | ({"from": decision.origin} if decision.origin else {})
    if isinstance(wish, Closed):
        detail["outcome"] = wish.outcome
    elif isinstance(wish, Assigned):
        detail["to"] = wish.to
    elif isinstance(wish, Merge):
        detail["alerts"] = " ".join(wish.others)
    elif isinstance(wish, Split):
        detail["events"] = str(len(wish.events))
    reason = wish.reason if isinstance(wish, Suppressed) else ""
    return AuditEntry(
        time_ns=now_ns, who=decision.actor, what=ACTIONS[type(wish)], site=alert.site, target=alert.id, reason=reason,
        detail=detail,
    )  # fmt: skip
