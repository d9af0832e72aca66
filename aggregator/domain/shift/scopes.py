"""Where a hand-over counts: everywhere, at a site, or in an area of one; the scopes of roles. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from aggregator.domain.accounts.authorization import (
    EVERYWHERE,
    PERMISSIONS,
    Areas,
    Permission,
    Principal,
    RoleAssignment,
    Scope,
    scope_of,
)
from common.errors import HandoverError
from protocol.identifiers import NAME


@dataclass(frozen=True)
class ScopeFilter:
    """Which scopes: all of them, those of whole sites, and single ones."""

    everywhere: bool = False
    sites: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()


def grants_of(caller: Principal, permission: Permission) -> list[RoleAssignment]:
    """The caller's roles that have a permission."""
    if caller.only is not None and permission not in caller.only:
        return []
    return [grant for grant in caller.grants if grant.role in PERMISSIONS[permission]]


def scopes_of(caller: Principal, permission: Permission) -> list[str]:
    """The caller's own scopes, the widest first."""
    scopes = {grant.scope for grant in grants_of(caller, permission)}
    return sorted(scopes, key=lambda it: (it != EVERYWHERE, "/" in it, it))


def filter_of(caller: Principal, permission: Permission) -> ScopeFilter:
    """All scopes that lie within the caller's."""
    scopes = scopes_of(caller, permission)
    return ScopeFilter(
        EVERYWHERE in scopes,
        frozenset(it for it in scopes if "/" not in it),
        frozenset(it for it in scopes if "/" in it),
    )


def covers(caller: Principal, permission: Permission, scope: str) -> bool:
    """Whether the caller may do something in all of a scope."""
    return any(grant.covers(RoleAssignment(grant.role, scope)) for grant in grants_of(caller, permission))


def checked_scope(scope: str) -> str:
    """A scope that may be stored.

    Raises:
        HandoverError: It is none.
    """
    parts = scope.split("/")
    if scope != EVERYWHERE and not (len(parts) <= 2 and all(NAME.fullmatch(part) for part in parts)):
        raise HandoverError("scope: must be *, a site, or site/area")
    return scope


def site_of(scope: str) -> str:
    """The site of a scope; `*` for all.

    >>> site_of("village/halls"), site_of("*")
    ('village', '*')
    """
    return scope.partition("/")[0]


def places_of(scope: str, areas: Areas) -> Scope:
    """What lies in a scope."""
    return scope_of([scope], areas)
