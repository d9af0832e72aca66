"""Who may be notified of an alert: users who may see it, and the supervisors of its site or area."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from aggregator.domain.accounts.account import Account
from aggregator.domain.accounts.authorization import Areas, Principal
from aggregator.domain.store_port.accounts import AccountReader


@dataclass
class People:
    """The accounts at one time; read once.

    Args:
        reader: Accounts.
        areas: The areas of each place.
    """

    reader: AccountReader
    areas: Areas
    _principals: dict[str, Principal] | None = field(default=None, init=False)

    @property
    def principals(self) -> dict[str, Principal]:
        """All users by name."""
        if self._principals is None:
            self._principals = {it.name: self._principal(it) for it in self.reader.accounts()}
        return self._principals

    def sees(self, user: str, site: str, place: str = "") -> bool:
        """Whether a user exists and may see the alerts of a place, or of a whole site."""
        principal = self.principals.get(user)
        return principal is not None and principal.may("alerts.see", site, place)

    def knows(self, site: str, place: str) -> Callable[[str], bool]:
        """As `sees`, for one place."""
        return lambda user: self.sees(user, site, place)

    def supervisors(self, site: str, place: str) -> tuple[str, ...]:
        """The supervisors whose scope the place lies in."""
        return tuple(
            name
            for name, it in self.principals.items()
            if any(
                grant.role == "supervisor" and Principal(name, (grant,), self.areas).may("alerts.see", site, place)
                for grant in it.grants
            )
        )

    def _principal(self, account: Account) -> Principal:
        return Principal(account.name, account.grants, self.areas)
