"""Grants that take two administrators: one requests a role for a user, another one approves it."""

from __future__ import annotations

from dataclasses import dataclass

from aggregator.auth.account_service import AccountService, reach_of
from aggregator.auth.accounts.role_conflicts import TWO_ADMINS, conflicts
from aggregator.auth.accounts.scopes import ScopeChecker
from aggregator.domain.accounts import account as changes
from aggregator.domain.accounts.account import GrantRequest
from aggregator.domain.accounts.authorization import EVERYWHERE, Principal, Role, RoleAssignment
from common.clock import DAY_NS
from common.errors import Forbidden, StaffError

DAYS = 7
"""A request that nobody has decided by then is over."""
_LIFE_NS = DAYS * DAY_NS


@dataclass(frozen=True)
class Granted:
    """What became of a grant.

    Attributes:
        request: Waits for another administrator; None: the role counts now.
        warnings: Pairs of roles that the user then has at one place and should not.
    """

    request: GrantRequest | None
    warnings: list[tuple[Role, Role]]


@dataclass(frozen=True)
class GrantRequests:
    """Gives roles. Everything takes as long as a commit: not for the event loop.

    Args:
        accounts: Carries changes out.
        scopes: The sites and areas that exist.
    """

    accounts: AccountService
    scopes: ScopeChecker

    def grant(self, caller: Principal, name: str, grant: RoleAssignment) -> Granted:
        """Give a role, or request it where another administrator must approve.

        Raises:
            Forbidden: Not within the caller's reach, or to oneself.
            StaffError: There is no such user or scope, they have the role, or it is requested already.
        """
        self.accounts.may_give(caller, name, grant)
        reach = reach_of(caller)
        self.scopes.check(grant, lambda site: any(it.scope == EVERYWHERE or it.site == site for it in reach))
        warnings = conflicts([*self.accounts.reader.role_assignments(name), grant])
        if grant.role not in TWO_ADMINS:
            self.accounts.grant(caller, name, grant)
            return Granted(None, warnings)
        now_ns = self.accounts.clock.wall_ns()
        request = GrantRequest(
            id=self.accounts.random.new_id(), user=name, grant=grant, asked_by=caller.name, asked_ns=now_ns,
            expires_ns=now_ns + _LIFE_NS,
        )  # fmt: skip
        problem = StaffError(
            f"there is no user '{name[:64]}', or they have this role, or it is requested already",
            sentence="error.grant.not_requested", field="user",
        )  # fmt: skip
        self.accounts.need(changes.PutGrantRequest(request), caller, name, f"requested {grant}", problem)
        return Granted(request, warnings)

    def waiting(self, caller: Principal) -> list[GrantRequest]:
        """Requests within the caller's reach, oldest first."""
        reach = reach_of(caller)
        found = self.accounts.reader.grant_requests(self.accounts.clock.wall_ns())
        return [it for it in found if any(mine.covers(it.grant) for mine in reach)]

    def approve(self, caller: Principal, request_id: str) -> GrantRequest:
        """Approve a request; the role counts from the user's next request on.

        Raises:
            Forbidden: The caller has requested it, it is for the caller, or it lies beyond their reach.
            StaffError: There is no such request any more.
        """
        found = self._found(caller, request_id)
        if found.asked_by == caller.name:
            text = "who requests a role does not approve it; another administrator must"
            raise Forbidden(text, sentence="error.grant.second")
        self.accounts.may_give(caller, found.user, found.grant)
        what = f"given {found.grant}, requested by {found.asked_by}"
        change = changes.ApproveGrant(found, self.accounts.clock.wall_ns())
        self.accounts.need(change, caller, found.user, what, _gone())
        return found

    def refuse(self, caller: Principal, request_id: str) -> GrantRequest:
        """Refuse a request, or withdraw one's own.

        Raises:
            StaffError: There is no such request any more, or it lies beyond the caller's reach.
        """
        found = self._found(caller, request_id)
        what = f"refused {found.grant}, requested by {found.asked_by}"
        self.accounts.need(changes.DropGrantRequest(found.id), caller, found.user, what, _gone())
        return found

    def _found(self, caller: Principal, request_id: str) -> GrantRequest:
        found = next((it for it in self.waiting(caller) if it.id == request_id), None)
        if found is None:
            raise _gone()
        return found


def _gone() -> StaffError:
    return StaffError("there is no such request; it was decided, or is over", sentence="error.grant.gone")
