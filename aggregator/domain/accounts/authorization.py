"""Roles, permissions and scopes, in one table: every check of a permission is made here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import msgspec

from common.errors import Forbidden, StaffError
from protocol.identifiers import NAME

Role = Literal[
    "monitor", "guard", "supervisor", "investigator", "approver", "auditor", "installer", "responder", "admin"
]
Permission = Literal[
    "alerts.see", "alerts.pictures", "alerts.work", "silences.see", "silences.change", "places.see", "passages.see",
    "gate.open", "list.see", "list.change", "footage.look", "footage.hold", "live.see", "clips.see", "search",
    "case.work", "release.see", "release.ask", "release.decide", "record.read", "trouble.see", "staff.manage",
    "escalation.see", "escalation.change", "notifications.see", "handover.sign", "procedure.change", "reports.see",
    "overview.see", "plans.see", "plans.change", "consumers.manage",
]  # fmt: skip
ROLES: tuple[Role, ...] = get_args(Role)
PERMISSIONS: dict[Permission, frozenset[Role]] = {
    "alerts.see": frozenset({"monitor", "guard", "supervisor", "responder"}),
    "alerts.pictures": frozenset({"monitor", "guard", "supervisor"}),
    "alerts.work": frozenset({"monitor", "guard", "supervisor"}),
    "silences.see": frozenset({"monitor", "supervisor"}),
    "silences.change": frozenset({"supervisor"}),
    "places.see": frozenset({"monitor", "supervisor", "investigator", "installer", "responder"}),
    "passages.see": frozenset({"monitor", "guard", "supervisor"}),
    "gate.open": frozenset({"monitor", "guard", "supervisor"}),
    "list.see": frozenset({"supervisor"}),
    "list.change": frozenset({"supervisor"}),
    "footage.look": frozenset({"supervisor", "investigator"}),
    "footage.hold": frozenset({"investigator"}),
    "live.see": frozenset({"monitor", "supervisor"}),
    "clips.see": frozenset({"monitor", "supervisor"}),
    "search": frozenset({"investigator"}),
    "case.work": frozenset({"investigator"}),
    "release.see": frozenset({"investigator", "approver"}),
    "release.ask": frozenset({"investigator"}),
    "release.decide": frozenset({"approver"}),
    "record.read": frozenset({"auditor"}),
    "trouble.see": frozenset({"supervisor", "installer", "admin"}),
    "staff.manage": frozenset({"admin"}),
    "handover.sign": frozenset({"monitor", "supervisor"}),
    "procedure.change": frozenset({"supervisor"}),
    "reports.see": frozenset({"supervisor"}),
    "overview.see": frozenset({"monitor", "supervisor", "responder"}),
    "plans.see": frozenset({"monitor", "supervisor", "installer", "responder", "admin"}),
    "plans.change": frozenset({"installer", "admin"}),
    "escalation.see": frozenset({"supervisor", "admin"}),
    "escalation.change": frozenset({"supervisor", "admin"}),
    "notifications.see": frozenset({"supervisor", "admin"}),
    "consumers.manage": frozenset({"admin"}),
}
"""Separation of duties: managing accounts, seeing pictures, approving requests and auditing are different roles."""

EVERYWHERE = "*"
Areas = Mapping[tuple[str, str], frozenset[str]]
"""(site, place) → the areas that the place belongs to."""


def places_in(areas: Areas, named: Collection[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """The places, as (site, place), that lie in one of these areas, as (site, area)."""
    return frozenset(key for key, its in areas.items() if any((key[0], area) in named for area in its))


class RoleAssignment(msgspec.Struct, frozen=True):
    """A role, and where it counts: `*`, a site, or `site/area`."""

    role: Role
    scope: str = EVERYWHERE

    def __str__(self) -> str:
        return f"{self.role}@{self.scope}"

    @property
    def site(self) -> str:
        """The site of the scope, `*` for all."""
        return self.scope.partition("/")[0]

    @property
    def area(self) -> str:
        """The area of the scope; empty for all of the site."""
        return self.scope.partition("/")[2]

    def covers(self, other: RoleAssignment) -> bool:
        """Whether this one counts wherever `other` does, whatever the roles."""
        return self.scope in (EVERYWHERE, other.scope) or (not self.area and self.site == other.site)


def parse(text: str) -> RoleAssignment:
    """A grant from `role`, `role@site` or `role@site/area`.

    Raises:
        StaffError: It is none; the message lists what is allowed.
    """
    role, _, scope = text.partition("@")
    known: Mapping[str, Role] = {it: it for it in ROLES}
    if role not in known:
        text = f"role '{role[:40]}' is not known; choose one of {', '.join(ROLES)}"
        raise StaffError(text, sentence="error.role", field="role")
    parts = scope.split("/")
    if scope not in ("", EVERYWHERE) and not (len(parts) <= 2 and all(NAME.fullmatch(part) for part in parts)):
        text = f"scope '{scope[:80]}' must be *, a site, or site/area"
        raise StaffError(text, sentence="error.scope.form", field="scope")
    return RoleAssignment(known[role], scope or EVERYWHERE)


@dataclass(frozen=True)
class Scope:
    """The sites and places that a user may see: everything, or whole sites and single places.

    Attributes:
        everywhere: All of it.
        sites: Whole sites.
        places: (site, place) beyond these.
    """

    everywhere: bool = False
    sites: frozenset[str] = frozenset()
    places: frozenset[tuple[str, str]] = frozenset()

    def holds(self, site: str, place: str = "") -> bool:
        """Whether a place, or without one a whole site, lies within."""
        return self.everywhere or site in self.sites or (site, place) in self.places

    def touches(self, site: str) -> bool:
        """Whether anything of a site lies within."""
        return self.everywhere or site in self.sites or any(it == site for it, _ in self.places)

    @property
    def nothing(self) -> bool:
        """Nowhere at all."""
        return not (self.everywhere or self.sites or self.places)


def scope_of(names: Collection[str], areas: Areas) -> Scope:
    """What lies in scopes that are written as `*`, a site, or `site/area`."""
    parts = [(site, area) for site, _, area in (it.partition("/") for it in names if it != EVERYWHERE)]
    return Scope(
        EVERYWHERE in names,
        frozenset(site for site, area in parts if not area),
        places_in(areas, {it for it in parts if it[1]}),
    )


@dataclass(frozen=True)
class Principal:
    """Who asks for something, and what they may.

    Attributes:
        name: The user.
        grants: What they were given.
        areas: The areas of each place.
        only: A token's limit; None for a person's own session, which alone may change accounts.
        recently_authenticated: The identity provider has authenticated them within the last minutes.
    """

    name: str
    grants: tuple[RoleAssignment, ...] = ()
    areas: Areas = field(default_factory=dict)
    only: frozenset[Permission] | None = None
    recently_authenticated: bool = False

    def within(self, permission: Permission) -> Scope:
        """Where they may do something."""
        if self.only is not None and permission not in self.only:
            return Scope()
        grants = [grant for grant in self.grants if grant.role in PERMISSIONS[permission]]
        return scope_of([grant.scope for grant in grants], self.areas)

    def may(self, permission: Permission, site: str = "", place: str = "") -> bool:
        """Whether they may do something at a place, at a whole site, or (without a site) anywhere at all."""
        within = self.within(permission)
        return within.holds(site, place) if site else not within.nothing

    def need(self, permission: Permission, site: str = "", place: str = "") -> None:
        """As `may`.

        Raises:
            Forbidden: They may not.
        """
        if not self.may(permission, site, place):
            where = "/".join(part for part in (site, place) if part)
            raise Forbidden(f"{permission}{f' at {where}' if where else ''} is not among your roles")
