"""Accounts, sessions, tokens and second factors."""

from __future__ import annotations

from typing import Protocol

from aggregator.domain.accounts.account import Account, ApiToken, Change, GrantRequest, TotpSecret
from aggregator.domain.accounts.authorization import RoleAssignment
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.read_models import Session, User


class AccountReader(Protocol):
    """Reads accounts."""

    def user(self, name: str) -> User | None:
        """A user who may log in; one whose one log-in is over may not."""

    def session(self, token_hash: str, now_ns: int) -> Session | None:
        """A session that has not expired."""

    def accounts(self, name: str | None = None) -> list[Account]:
        """All users with their roles, or the one of a name."""

    def role_assignments(self, name: str) -> tuple[RoleAssignment, ...]:
        """A user's roles."""

    def api_token(self, token_hash: str, now_ns: int) -> ApiToken | None:
        """An API token that has not expired."""

    def api_tokens(self, name: str) -> list[ApiToken]:
        """A user's API tokens, newest first."""

    def totp_secret(self, name: str) -> TotpSecret | None:
        """A user's second factor."""

    def grant_requests(self, now_ns: int) -> list[GrantRequest]:
        """Grants that wait for a second administrator and have not expired, oldest first."""

    def linked_user(self, subject: str) -> str | None:
        """The user that a subject of the identity provider is tied to."""


class AccountWriter(Protocol):
    """Writes accounts."""

    def change_account(self, change: Change, entry: AuditEntry) -> bool:
        """Change an account; False when nothing changed."""

    def use_totp_step(self, name: str, step: int) -> bool:
        """Use up a time step of a second factor; False if it, or a later one, was used before."""

    def use_recovery_code(self, name: str, code_hash: str, entry: AuditEntry) -> bool:
        """Use up a recovery code, with its audit entry; False if it is none, or was used."""

    def use_one_time_password(self, user: User) -> bool:
        """Use up this one-time user's log-in; False if another log-in has."""

    def end_one_time_accounts(self, now_ns: int) -> int:
        """End one-time accounts without a session; how many."""

    def add_session(self, session: Session, entry: AuditEntry) -> None:
        """Add a session, and drop those that have expired by then."""

    def end_session(self, token_hash: str, entry: AuditEntry) -> None:
        """End a session."""
