"""Scopes of roles name sites and areas that exist: a misspelt one would give a role that counts nowhere."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from aggregator.domain.accounts.authorization import EVERYWHERE, RoleAssignment
from common.errors import StaffError

Sites = Mapping[str, Collection[str]]
"""Site → its areas."""


@dataclass(frozen=True)
class ScopeChecker:
    """Checks scopes.

    Args:
        sites: The sites of the settings and of the boxes, with their areas.
    """

    sites: Callable[[], Sites]

    def check(self, grant: RoleAssignment, within: Callable[[str], bool] = lambda _site: True) -> None:
        """Refuse a scope whose site or area is not known.

        Args:
            grant: The role and its scope.
            within: Whether the caller may learn of a site.

        Raises:
            StaffError: Names what is not known, and what may have been meant.
        """
        if grant.scope == EVERYWHERE:
            return
        known = self.sites()
        if grant.site not in known:
            raise _unknown("site", grant.site, [it for it in known if within(it)])
        if grant.area and grant.area not in known[grant.site]:
            raise _unknown("area", grant.area, known[grant.site], f" at '{grant.site}'")


def _unknown(what: str, name: str, known: Iterable[str], where: str = "") -> StaffError:
    names = sorted(known)
    meant = difflib.get_close_matches(name, names, 1, 0.6)
    listed = ", ".join(names[:20]) or "none"
    hint = f"did you mean '{meant[0]}'?" if meant else f"known: {listed}"
    return StaffError(
        f"scope: there is no {what} '{name}'{where}; {hint}",
        sentence=f"error.scope.{what}.meant" if meant else f"error.scope.{what}", field="scope",
        name=name, meant=meant[0] if meant else "", known=listed,
    )  # fmt: skip
