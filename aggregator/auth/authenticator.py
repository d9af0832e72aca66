"""Log-in: argon2id passwords, second factors, random session tokens of which only the SHA-256 is kept.

A failed log-in does not reveal which part was wrong or whether the name exists, and takes the same time.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import argon2

from aggregator.auth.client_address import prefix_of
from aggregator.auth.login_limits import Failures, LoginLimits
from aggregator.auth.passwords import BY_PROVIDER, hash_token, matches
from aggregator.auth.principal_cache import PrincipalCache
from aggregator.auth.rate_limiter import RateLimiter
from aggregator.auth.reauthentication import Checker
from aggregator.auth.vouchers import Vouchers
from aggregator.domain.accounts.authorization import Areas, Principal
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.read_models import Session, User
from aggregator.domain.store_port import Result, WriteJobs
from aggregator.domain.store_port.accounts import AccountReader, AccountWriter
from aggregator.domain.store_port.audit import AuditWriter
from aggregator.storage.keyring import KeyRing
from common.clock import SECOND_NS, Clock
from common.errors import LoginError, LoginThrottled, StoreError
from common.secret import Secret

WRITE_TIMEOUT_S = 10.0
WRONG = "wrong name, password or code"
PROVIDER = "identity provider"
"""The way of log-in of users of the identity provider."""


class SessionWriter(AccountWriter, AuditWriter, Protocol):
    """Writes sessions, and failed log-ins into the audit log."""


@dataclass(frozen=True)
class SessionRules:
    """How sessions begin and end.

    Attributes:
        token: Makes an unguessable string of at least 256 bits.
        hours: How long a log-in lasts.
    """

    token: Callable[[], str]
    hours: float = 12.0

    @property
    def lifetime_s(self) -> int:
        """How long a log-in lasts, seconds."""
        return round(self.hours * 3600)


@dataclass(frozen=True)
class PermissionContext:
    """What permissions depend on besides the accounts in the store.

    Attributes:
        areas: The areas of each place.
        stamp: Differs when another process has changed accounts.
    """

    areas: Areas = field(default_factory=dict)
    stamp: Callable[[], object] = lambda: None


NO_AREAS = PermissionContext()


class Authenticator:
    """Authenticates users, and gives the principals of sessions and API tokens. May be used from any thread.

    Args:
        reader: Users, roles and sessions.
        queue: Of the store's writer.
        keys: Open second factors.
        clock: Wall time for sessions, monotonic time for limits.
        sessions: How sessions begin and end.
        permissions: What permissions depend on besides the accounts.
        hasher: argon2id with its parameters.

    Attributes:
        cache: Principals that were looked up a moment ago; to be cleared after each change of an account.
    """

    def __init__(
        self,
        reader: AccountReader,
        queue: WriteJobs[SessionWriter],
        keys: KeyRing,
        clock: Clock,
        *,
        sessions: SessionRules,
        permissions: PermissionContext = NO_AREAS,
        hasher: argon2.PasswordHasher | None = None,
    ) -> None:
        self._reader, self._queue = reader, queue
        self._clock, self._token = clock, sessions.token
        self.lifetime_s = sessions.lifetime_s
        self._areas = permissions.areas
        self._hasher = hasher or argon2.PasswordHasher()
        self._checker = Checker(reader, keys, clock, self._write)
        self._dummy = self._hasher.hash(sessions.token())
        self._limits = LoginLimits(clock)
        self._failures = Failures(clock, lambda act: queue.submit(lambda store: store.append_audit_entries([act])))
        self._bad_tokens = RateLimiter(clock, 50, 300.0)
        self._vouchers = Vouchers(clock)
        self.cache = PrincipalCache(clock, permissions.stamp)

    def log_in(self, name: str, password: Secret, address: str, code: str = "") -> str:
        """Check a name, a password and, where the user has a second factor, its code; takes some 50 ms of CPU.

        Returns:
            A new session's token.

        Raises:
            LoginThrottled: Too many tries from this address or for this name.
            LoginError: Name, password or code is wrong.
            KeysMissing: The second factor cannot be opened.
            StoreError: The session could not be written.
        """
        name = unicodedata.normalize("NFC", name)[:64]
        user = self._reader.user(name)
        try:
            self._limits.take(name, address)
            token = self._let_in_with(user, password, code)
        except LoginError as error:
            why = "throttled" if isinstance(error, LoginThrottled) else "wrong"
            self._failures.report(None if user is None else user.name, address, why)
            raise
        self._limits.passed(name, address)
        return token

    def _let_in_with(self, user: User | None, password: Secret, code: str) -> str:
        known = user is not None and user.password_hash != BY_PROVIDER
        right = matches(user.password_hash if user and known else self._dummy, password, self._hasher) and known
        if user is None or not right or not self._checker.code(user.name, code):
            raise LoginError(WRONG)
        return self.let_in(user.name, used=user if user.one_time else None)

    def let_in(self, name: str, how: str = "", used: User | None = None) -> str:
        """Open a session for an authenticated user.

        Args:
            name: The user.
            how: By what, for the record.
            used: Their account where it is good for one log-in; it is used up in the same job.

        Returns:
            The session's token.

        Raises:
            LoginError: Somebody else has used it up.
            StoreError: The session could not be written.
        """
        token = self._token()
        now_ns = self._clock.wall_ns()
        session = Session(token_hash=hash_token(token), user=name, expires_ns=now_ns + self.lifetime_s * SECOND_NS)
        act = AuditEntry(time_ns=now_ns, who=name, what="login", detail={"by": how} if how else {})

        def job(store: SessionWriter) -> bool:
            if used is not None and not store.use_one_time_password(used):
                return False
            store.add_session(session, act)
            return True

        if not self._write(job):
            raise LoginError(WRONG)
        if how == PROVIDER:
            self._vouchers.add(session.token_hash)
        return token

    def who(self, token: str | None) -> Principal | None:
        """Whose session this is, with their roles as they are now; None: no token, unknown, expired."""
        if not token or len(token) > 200:
            return None
        token_hash, generation = hash_token(token), self.cache.generation()
        caller = self.cache.get(token_hash)
        if caller is None or caller.only is not None:  # an API token is no session
            session = self._reader.session(token_hash, self._clock.wall_ns())
            caller = None if session is None else self._caller(session.user)
            if caller is None or session is None:
                return None
            self.cache.put(token_hash, caller, session.expires_ns, generation)
        return replace(caller, recently_authenticated=True) if self._vouchers.good(token_hash) else caller

    def bearer(self, token: str, address: str) -> Principal | None:
        """Who an API token acts for, within its limits; None: unknown or expired.

        Raises:
            LoginThrottled: Too many wrong ones from this address; a good one is let in all the same.
        """
        token_hash, generation = hash_token(token[:200]), self.cache.generation()
        if (cached := self.cache.get(token_hash)) is not None and cached.only is not None:
            return cached
        kept = self._reader.api_token(token_hash, self._clock.wall_ns())
        if kept is None:
            self._bad_tokens.take(prefix_of(address))
            return None
        whole = self._caller(kept.user)
        if whole is None:
            return None
        caller = Principal(whole.name, whole.grants, whole.areas, frozenset(kept.permissions))
        self.cache.put(token_hash, caller, kept.expires_ns, generation)
        return caller

    def log_out(self, token: str) -> None:
        """End a session."""
        caller = self.who(token)
        if caller is not None:
            act = AuditEntry(time_ns=self._clock.wall_ns(), who=caller.name, what="logout")
            self._write(lambda store: store.end_session(hash_token(token), act))

    def _caller(self, user: str) -> Principal | None:
        """The principal of a user who has an account; None for a removed account."""
        account = next(iter(self._reader.accounts(user)), None)
        return None if account is None else Principal(user, account.grants, self._areas)

    def _write(self, work: Callable[[SessionWriter], Result]) -> Result:
        try:
            return self._queue.submit(work).result(WRITE_TIMEOUT_S)
        except TimeoutError as error:
            raise StoreError("the store does not answer") from error
        finally:
            self.cache.clear()
