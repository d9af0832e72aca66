"""Roles that should not meet in one person: one of them checks the other."""

from __future__ import annotations

from collections.abc import Iterable

from aggregator.domain.accounts.authorization import EVERYWHERE, Role, RoleAssignment

APART: tuple[tuple[Role, Role], ...] = (
    ("investigator", "approver"),
    ("admin", "auditor"),
    ("admin", "investigator"),
    ("admin", "approver"),
    ("investigator", "auditor"),
    ("approver", "auditor"),
)
"""Who requests and who decides; who changes accounts, or decides, and who audits that (separation of duties, NIST SP
800-53 AC-5)."""
TWO_ADMINS: frozenset[Role] = frozenset({"investigator", "approver"})
"""Roles that lead to unredacted copies: one administrator requests them for a user, another one approves."""


def conflicts(grants: Iterable[RoleAssignment]) -> list[tuple[Role, Role]]:
    """The pairs of `APART` that a person has at one place."""
    held = list(grants)
    return [
        pair
        for pair in APART
        if any(_meet(one, other) for one in held if one.role == pair[0] for other in held if other.role == pair[1])
    ]


def _meet(one: RoleAssignment, other: RoleAssignment) -> bool:
    if EVERYWHERE in (one.scope, other.scope):
        return True
    return one.site == other.site and (not one.area or not other.area or one.area == other.area)
