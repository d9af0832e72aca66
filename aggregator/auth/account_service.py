"""Changes of accounts from the dashboard and the API: permissions, and an audit entry for each change.

Nobody changes their own roles, and an administrator of one site changes only whose roles all lie within it: else a
administrator could give themselves more rights by setting the password of a user who has them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from aggregator.auth import totp
from aggregator.auth.oidc import Subject
from aggregator.auth.passwords import (
    BY_PROVIDER,
    MAX_PASSWORD,
    MIN_PASSWORD,
    SYSTEM,
    act_of,
    check_user,
    hash_password,
    hash_token,
)
from aggregator.auth.reauthentication import Checker, Proof
from aggregator.auth.totp import PendingEnrolment
from aggregator.crypto.keyring import KeyRing
from aggregator.domain import account as changes
from aggregator.domain.account import Account, ApiToken, Change, TotpSecret
from aggregator.domain.audit_entry import AuditEntry
from aggregator.domain.authorization import PERMISSIONS, Permission, Principal, RoleAssignment
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.accounts import AccountReader, AccountWriter
from common.clock import SECOND_NS, Clock
from common.errors import Forbidden, LoginError, StaffError, StoreError
from common.secret import Secret
from protocol.identifiers import is_printable

WRITE_TIMEOUT_S = 10.0
MOST_TOKENS = 20
MOST_DAYS = 366
MOST_DAYS_BY_PROVIDER = 30
_DAY_NS = 86_400 * SECOND_NS


@dataclass(frozen=True)
class AccountService:
    """Changes accounts. Everything takes as long as a commit, and may take 50 ms of CPU: not for the event loop.

    Args:
        reader: Users and roles.
        queue: Of the store's writer.
        keys: Seal second factors.
        clock: The present time.
        token: Makes an unguessable string of at least 256 bits.
        new_id: Makes ids.
        changed: Called after each change, so that what is known of users is read again.
    """

    reader: AccountReader
    queue: WriteJobs[AccountWriter]
    keys: KeyRing
    clock: Clock
    token: Callable[[], str]
    new_id: Callable[[], str]
    changed: Callable[[], None] = lambda: None
    pending: PendingEnrolment = field(init=False)
    _checker: Checker = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pending", PendingEnrolment(self.clock))
        object.__setattr__(self, "_checker", Checker(self.reader, self.keys, self.clock, self._write))

    def accounts(self, caller: Principal) -> list[Account]:
        """The accounts that an administrator sees: users with a role within their sites, and users without roles."""
        reach = _reach(caller)
        return [
            account
            for account in self.reader.accounts()
            if not account.grants or any(mine.covers(its) for its in account.grants for mine in reach)
        ]

    def add(self, caller: Principal, name: str) -> str:
        """Add a user, or give one a new password; it is shown once, and they should change it.

        Raises:
            Forbidden: The user has roles beyond the caller's reach, or is the caller.
            StaffError: That cannot be a name.
        """
        try:
            check_user(name)
        except LoginError as error:
            raise StaffError(str(error)) from error
        self._may_change(caller, name)
        password, now_ns = self.token(), self.clock.wall_ns()
        change = changes.PutUser(name, hash_password(Secret(password)), now_ns)
        self._change(change, act_of(name, caller.name, now_ns, "password set"))
        return password

    def add_by_provider(self, caller: Principal, name: str) -> None:
        """Add a user who logs in through the identity provider; from now on not with a password.

        Raises:
            Forbidden: As for `add`.
            StaffError: That cannot be a name.
        """
        try:
            check_user(name)
        except LoginError as error:
            raise StaffError(str(error)) from error
        self._may_change(caller, name)
        now_ns = self.clock.wall_ns()
        change = changes.PutUser(name, BY_PROVIDER, now_ns)
        self._change(change, act_of(name, caller.name, now_ns, "logs in through the identity provider"))

    def user_of(self, subject: Subject) -> str:
        """The user of a subject of the identity provider; the first log-in ties them together.

        Raises:
            LoginError: There is no such user, the user has a password, or is tied to another subject.
        """
        user = self.reader.linked_user(subject.id)
        if user is not None:
            return user
        known = self.reader.user(subject.name)
        if known is None or known.password_hash != BY_PROVIDER:
            raise LoginError("the provider knows you, but there is no account for you here")
        act = act_of(known.name, SYSTEM, self.clock.wall_ns(), "tied to the identity provider")
        if not self._change(changes.PutLink(subject.id, known.name), act):
            raise LoginError("the identity provider has another subject for this user than before")
        return known.name

    def remove(self, caller: Principal, name: str) -> None:
        """Remove a user; their sessions and tokens end at once.

        Raises:
            Forbidden: As for `add`.
            StaffError: There is none of that name.
        """
        self._may_change(caller, name)
        self._need(changes.DropUser(name), self._act(caller, name, "removed"), f"there is no user '{name[:64]}'")

    def grant(self, caller: Principal, name: str, grant: RoleAssignment) -> None:
        """Give a role.

        Raises:
            Forbidden: Not within the caller's reach, or to oneself.
            StaffError: There is no such user, or they have it.
        """
        self._may_give(caller, name, grant)
        problem = f"there is no user '{name[:64]}', or they have this role already"
        self._need(changes.PutGrant(name, grant), self._act(caller, name, f"given {grant}"), problem)

    def revoke(self, caller: Principal, name: str, grant: RoleAssignment) -> None:
        """Take a role; it counts from their next request.

        Raises:
            Forbidden: Not within the caller's reach, or one's own.
            StaffError: They do not have it.
        """
        self._may_give(caller, name, grant)
        self._need(changes.DropGrant(name, grant), self._act(caller, name, f"taken {grant}"), "they do not have it")

    def forget_factor(self, caller: Principal, name: str) -> None:
        """Let a user who lost their device log in without a code again.

        Raises:
            Forbidden: As for `add`.
            StaffError: They have no second factor.
        """
        self._may_change(caller, name)
        self._need(changes.DropFactor(name), self._act(caller, name, "second factor dropped"), "there is none")

    def show_factor(self, caller: Principal) -> tuple[str, str]:
        """A new secret for one's own second factor and its `otpauth:` address; it counts once it is confirmed."""
        secret = self.pending.show(_person(caller).name)
        return secret, totp.link(secret, caller.name)

    def confirm_factor(self, caller: Principal, code: str, proof: Proof) -> None:
        """Begin to ask for codes at the log-in.

        Args:
            caller: Whose second factor it is.
            code: Of the new device.
            proof: The current password and, where there is a second factor, a code of the device so far.

        Raises:
            LoginThrottled: Too many tries.
            StaffError: The code or the proof is wrong, or no secret was shown.
        """
        self._checker.check(_person(caller).name, proof)
        secret, step = self.pending.confirmed(_person(caller).name, code)
        kept = TotpSecret(user=caller.name, sealed=self.keys.hidden(f"staff/{caller.name}", secret), last_step=step)
        self._change(changes.PutFactor(kept), self._act(caller, caller.name, "second factor"))

    def change_password(self, caller: Principal, proof: Proof, password: Secret) -> None:
        """A new password of one's own; it ends all sessions, this one too.

        The proof is asked for, so that who finds an open page cannot keep the account. A user of the identity
        provider gets none here: it would let them in after the provider has shut them out.

        Args:
            caller: Whose password it is.
            proof: The current password and, where there is a second factor, a code.
            password: The new one.

        Raises:
            KeysMissing: The second factor cannot be opened.
            LoginThrottled: Too many tries.
            StaffError: The proof is wrong, the new password too short, or the caller has none here.
        """
        _person(caller)
        if not MIN_PASSWORD <= len(password.reveal()) <= MAX_PASSWORD:
            raise StaffError(f"a password needs at least {MIN_PASSWORD} characters, and at most {MAX_PASSWORD}")
        self._checker.check(caller.name, proof)
        now_ns = self.clock.wall_ns()
        change = changes.PutUser(caller.name, hash_password(password), now_ns)
        self._change(change, act_of(caller.name, caller.name, now_ns, "password set"))

    def tokens(self, caller: Principal) -> list[ApiToken]:
        """One's own tokens."""
        return self.reader.api_tokens(caller.name)

    def make_token(
        self, caller: Principal, label: str, permissions: list[Permission], days: int, proof: Proof
    ) -> tuple[ApiToken, str]:
        """A token for a program that acts for the caller, with some of what they may; its text is shown once.

        The proof is asked for, so that who finds an open page cannot make a way in that outlives the session. For a
        user of the identity provider, a log-in there within the last minutes is the proof; their tokens live shorter,
        since a token works on after the provider has shut its user out.

        Raises:
            LoginThrottled: Too many tries.
            StaffError: The proof is wrong, a permission that they do not have, too many tokens, or too long a life.
        """
        wrong = [it for it in permissions if it not in PERMISSIONS or not _person(caller).may(it)]
        if not permissions or wrong:
            raise StaffError(f"permissions: {wrong[0] if wrong else 'name one or more'}: only what you may yourself")
        by_provider = self._checker.without_password(caller.name)
        if by_provider and not caller.recently_authenticated:
            raise StaffError("log in through your identity provider anew, and ask again within 10 minutes")
        most_days = MOST_DAYS_BY_PROVIDER if by_provider else MOST_DAYS
        if not 1 <= days <= most_days:
            raise StaffError(f"days: 1 to {most_days}")
        if not label.strip() or len(label) > 100 or not is_printable(label.strip()):
            raise StaffError("label: write 1 to 100 characters, without line feeds and control characters")
        if len(self.tokens(caller)) >= MOST_TOKENS:
            raise StaffError(f"at most {MOST_TOKENS} tokens; end one first")
        self._checker.check(caller.name, proof, by_provider=caller.recently_authenticated)
        text, now_ns = self.token(), self.clock.wall_ns()
        made = ApiToken(
            id=self.new_id(), token_hash=hash_token(text), user=caller.name, label=label.strip(),
            permissions=tuple(sorted(set(permissions))), made_ns=now_ns, expires_ns=now_ns + days * _DAY_NS,
        )  # fmt: skip
        self._change(changes.PutToken(made), self._act(caller, made.id, f"token for {' '.join(made.permissions)}"))
        return made, text

    def end_token(self, caller: Principal, token: str) -> None:
        """End one of one's own tokens.

        Raises:
            StaffError: There is none of that id.
        """
        self._need(
            changes.DropToken(_person(caller).name, token), self._act(caller, token, "token ended"), "no such token"
        )

    def _may_give(self, caller: Principal, name: str, grant: RoleAssignment) -> None:
        if name == caller.name:
            raise Forbidden("your own roles must be changed by another administrator")
        if not any(mine.covers(grant) for mine in _reach(caller)):
            raise Forbidden(f"{grant} lies beyond what you administer")

    def _may_change(self, caller: Principal, name: str) -> None:
        for grant in self.reader.role_assignments(name):
            self._may_give(caller, name, grant)
        if name == caller.name or not _reach(caller):
            raise Forbidden("staff.manage is not among your roles, or this is your own account")

    def _act(self, caller: Principal, target: str, what: str) -> AuditEntry:
        return act_of(target, caller.name, self.clock.wall_ns(), what)

    def _need(self, change: Change, act: AuditEntry, problem: str) -> None:
        if not self._change(change, act):
            raise StaffError(problem)

    def _change(self, change: Change, act: AuditEntry) -> bool:
        return self._write(lambda store: store.change_account(change, act))

    def _write(self, job: Callable[[AccountWriter], bool]) -> bool:
        try:
            return self.queue.submit(job).result(WRITE_TIMEOUT_S)
        except TimeoutError as error:
            raise StoreError("the store does not answer") from error
        finally:
            self.changed()


def _reach(caller: Principal) -> list[RoleAssignment]:
    return [grant for grant in _person(caller).grants if grant.role in PERMISSIONS["staff.manage"]]


def _person(caller: Principal) -> Principal:
    if caller.only is not None:
        raise Forbidden("this needs a person's own session; an API token does not do")
    return caller
