"""Changes of accounts from the dashboard and the API: permissions, and an audit entry for each change.

Nobody changes their own roles, and an administrator of one site changes only whose roles all lie within it: else a
administrator could give themselves more rights by setting the password of a user who has them.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

from aggregator.auth import totp
from aggregator.auth.accounts import recovery_codes
from aggregator.auth.accounts.user_names import SYSTEM, check_user, key_of
from aggregator.auth.oidc import Subject
from aggregator.auth.passwords import (
    BY_PROVIDER,
    MAX_PASSWORD,
    MIN_PASSWORD,
    act_of,
    hash_password,
    hash_token,
)
from aggregator.auth.reauthentication import Checker, Proof
from aggregator.auth.totp import PendingEnrolment
from aggregator.domain.accounts import account as changes
from aggregator.domain.accounts.account import Account, ApiToken, Change, TotpSecret
from aggregator.domain.accounts.authorization import PERMISSIONS, Permission, Principal, RoleAssignment
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.accounts import AccountReader, AccountWriter
from aggregator.storage.keyring import KeyRing
from common.clock import DAY_NS, Clock
from common.errors import Forbidden, LoginError, StaffError, StoreError, UserExists
from common.secret import Secret
from protocol.identifiers import one_line

WRITE_TIMEOUT_S = 10.0
MOST_TOKENS = 20
MOST_DAYS = 366
MOST_DAYS_BY_PROVIDER = 30


@dataclass(frozen=True)
class RandomValues:
    """Makes values that nobody else has.

    Attributes:
        token: Makes an unguessable string of at least 256 bits.
        new_id: Makes ids.
    """

    token: Callable[[], str]
    new_id: Callable[[], str]


@dataclass(frozen=True)
class AccountService:
    """Changes accounts. Everything takes as long as a commit, and may take 50 ms of CPU: not for the event loop.

    Args:
        reader: Users and roles.
        queue: Of the store's writer.
        keys: Seal second factors.
        clock: The present time.
        random: Makes passwords, tokens and ids.
        changed: Called after each change, so that what is known of users is read again.
    """

    reader: AccountReader
    queue: WriteJobs[AccountWriter]
    keys: KeyRing
    clock: Clock
    random: RandomValues
    changed: Callable[[], None] = lambda: None
    pending: PendingEnrolment = field(init=False)
    _checker: Checker = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pending", PendingEnrolment(self.clock))
        object.__setattr__(self, "_checker", Checker(self.reader, self.keys, self.clock, self._write))

    def accounts(self, caller: Principal) -> list[Account]:
        """The accounts that an administrator sees: users with a role within their sites, and users without roles."""
        reach = reach_of(caller)
        return [
            account
            for account in self.reader.accounts()
            if not account.grants or any(mine.covers(its) for its in account.grants for mine in reach)
        ]

    def add(self, caller: Principal, name: str) -> str:
        """Add a user with a password that is shown once; they should change it.

        Raises:
            Forbidden: The user has roles beyond the caller's reach, or is the caller.
            StaffError: That cannot be a name.
            UserExists: There is one of that name, or of one that cannot be told from it.
        """
        password = self.random.token()
        self._add(caller, name, hash_password(Secret(password)), "password set")
        return password

    def reset_password(self, caller: Principal, name: str) -> str:
        """Give a user a new password, which is shown once; their sessions and tokens end.

        Raises:
            Forbidden: As for `add`.
            StaffError: There is no such user, or they log in through the identity provider.
        """
        self._may_change(caller, name)
        known = next(iter(self.reader.accounts(name)), None)
        if known is None or self._checker.without_password(name):
            text = f"there is no user '{name[:64]}' with a password here"
            raise StaffError(text, sentence="error.user.no_password", field="user", name=name[:64])
        password, now_ns = self.random.token(), self.clock.wall_ns()
        change = changes.PutUser(name, hash_password(Secret(password)), now_ns)
        self._change(change, act_of(name, caller.name, now_ns, "password reset"))
        return password

    def _add(self, caller: Principal, name: str, password_hash: str, what: str) -> None:
        try:
            name = check_user(name)
        except LoginError as error:
            raise StaffError(str(error), sentence=error.sentence, field="user", **error.values) from error
        self._may_change(caller, name)
        alike = next((it.name for it in self.reader.accounts() if key_of(it.name) == key_of(name)), None)
        now_ns = self.clock.wall_ns()
        change = changes.PutUser(name, password_hash, now_ns, new=True)
        if alike is not None or not self._change(change, act_of(name, caller.name, now_ns, what)):
            text = f"user: '{alike or name}' exists already; a new password is a separate action"
            raise UserExists(text, sentence="error.user.exists", field="user", name=alike or name)

    def add_by_provider(self, caller: Principal, name: str) -> None:
        """Add a user who logs in through the identity provider; from now on not with a password.

        Raises:
            Forbidden: As for `add`.
            StaffError: That cannot be a name.
            UserExists: As for `add`.
        """
        self._add(caller, name, BY_PROVIDER, "logs in through the identity provider")

    def user_of(self, subject: Subject) -> str:
        """The user of a subject of the identity provider; the first log-in ties them together.

        Raises:
            LoginError: There is no such user, the user has a password, or is tied to another subject.
        """
        user = self.reader.linked_user(subject.id)
        if user is not None:
            return user
        known = self.reader.user(unicodedata.normalize("NFC", subject.name))
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
        text = f"there is no user '{name[:64]}'"
        problem = StaffError(text, sentence="error.user.none", field="user", name=name[:64])
        self.need(changes.DropUser(name), caller, name, "removed", problem)

    def grant(self, caller: Principal, name: str, grant: RoleAssignment) -> None:
        """Give a role at once; `GrantRequests` asks a second administrator where it takes two.

        Raises:
            Forbidden: Not within the caller's reach, or to oneself.
            StaffError: There is no such user or scope, or they have the role.
        """
        self.may_give(caller, name, grant)
        text = f"there is no user '{name[:64]}', or they have this role already"
        problem = StaffError(text, sentence="error.grant.not_given", field="user", name=name[:64])
        self.need(changes.PutGrant(name, grant), caller, name, f"given {grant}", problem)

    def revoke(self, caller: Principal, name: str, grant: RoleAssignment) -> None:
        """Take a role; it counts from their next request.

        Raises:
            Forbidden: Not within the caller's reach, or one's own.
            StaffError: They do not have it.
        """
        self._within(caller, name, grant)
        problem = StaffError("they do not have it", sentence="error.grant.not_taken")
        self.need(changes.DropGrant(name, grant), caller, name, f"taken {grant}", problem)

    def forget_factor(self, caller: Principal, name: str) -> None:
        """Let a user who lost their device log in without a code again.

        Raises:
            Forbidden: As for `add`.
            StaffError: They have no second factor.
        """
        self._may_change(caller, name)
        problem = StaffError("there is no second factor", sentence="error.factor.none")
        self.need(changes.DropFactor(name), caller, name, "second factor dropped", problem)

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
            raise StaffError(
                f"a password needs at least {MIN_PASSWORD} characters, and at most {MAX_PASSWORD}",
                sentence="error.password.length", field="password", least=MIN_PASSWORD, most=MAX_PASSWORD,
            )  # fmt: skip
        self._checker.check(caller.name, proof)
        now_ns = self.clock.wall_ns()
        change = changes.PutUser(caller.name, hash_password(password), now_ns)
        self._change(change, act_of(caller.name, caller.name, now_ns, "password set"))

    def make_recovery_codes(self, caller: Principal, proof: Proof) -> list[str]:
        """Ten recovery codes of one's own, which are shown once; those that were made before end.

        Raises:
            LoginThrottled: Too many tries.
            StaffError: The proof is wrong, or the caller has no second factor.
        """
        self._checker.check(_person(caller).name, proof)
        codes = recovery_codes.make(secrets.token_bytes)
        hashes = tuple(filter(None, map(recovery_codes.hash_of, codes)))
        problem = StaffError("set up a second factor first", sentence="error.factor.first")
        change = changes.PutRecoveryCodes(caller.name, hashes)
        self.need(change, caller, caller.name, "recovery codes", problem)
        return codes

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
            text = f"permissions: {wrong[0] if wrong else 'name one or more'}: only what you may yourself"
            raise StaffError(text, sentence="error.token.permissions", field="permissions")
        by_provider = self._checker.without_password(caller.name)
        if by_provider and not caller.recently_authenticated:
            text = "log in through your identity provider anew, and ask again within 10 minutes"
            raise StaffError(text, sentence="error.token.provider")
        most_days = MOST_DAYS_BY_PROVIDER if by_provider else MOST_DAYS
        if not 1 <= days <= most_days:
            raise StaffError(f"days: 1 to {most_days}", sentence="error.token.days", field="days", most=most_days)
        name = one_line(label, 1, 100)
        if name is None:
            text = "label: write 1 to 100 characters, without line feeds and control characters"
            raise StaffError(text, sentence="error.token.label", field="label")
        if len(self.tokens(caller)) >= MOST_TOKENS:
            text = f"at most {MOST_TOKENS} tokens; end one first"
            raise StaffError(text, sentence="error.token.full", most=MOST_TOKENS)
        self._checker.check(caller.name, proof, by_provider=caller.recently_authenticated)
        text, now_ns = self.random.token(), self.clock.wall_ns()
        made = ApiToken(
            id=self.random.new_id(), token_hash=hash_token(text), user=caller.name, label=name,
            permissions=tuple(sorted(set(permissions))), made_ns=now_ns, expires_ns=now_ns + days * DAY_NS,
        )  # fmt: skip
        self._change(changes.PutToken(made), self._act(caller, made.id, f"token for {' '.join(made.permissions)}"))
        return made, text

    def end_token(self, caller: Principal, token: str) -> None:
        """End one of one's own tokens.

        Raises:
            StaffError: There is none of that id.
        """
        problem = StaffError("no such token", sentence="error.token.none")
        self.need(changes.DropToken(_person(caller).name, token), caller, token, "token ended", problem)

    def may_give(self, caller: Principal, name: str, grant: RoleAssignment) -> None:
        """Whether the caller may give somebody a role.

        Raises:
            Forbidden: Not within the caller's reach, or to oneself.
        """
        self._within(caller, name, grant)

    def _within(self, caller: Principal, name: str, grant: RoleAssignment) -> None:
        if name == caller.name:
            text = "your own roles must be changed by another administrator"
            raise Forbidden(text, sentence="error.grant.own")
        if not any(mine.covers(grant) for mine in reach_of(caller)):
            raise Forbidden(f"{grant} lies beyond what you administer", sentence="error.grant.reach")

    def _may_change(self, caller: Principal, name: str) -> None:
        for grant in self.reader.role_assignments(name):
            self._within(caller, name, grant)
        if name == caller.name or not reach_of(caller):
            text = "staff.manage is not among your roles, or this is your own account"
            raise Forbidden(text, sentence="error.user.own")

    def _act(self, caller: Principal, target: str, what: str) -> AuditEntry:
        return act_of(target, caller.name, self.clock.wall_ns(), what)

    def need(self, change: Change, caller: Principal, target: str, what: str, problem: StaffError) -> None:
        """Carry a change out with its audit entry.

        Raises:
            StaffError: `problem`, where nothing was changed.
        """
        if not self._change(change, self._act(caller, target, what)):
            raise problem

    def _change(self, change: Change, act: AuditEntry) -> bool:
        return self._write(lambda store: store.change_account(change, act))

    def _write(self, job: Callable[[AccountWriter], bool]) -> bool:
        try:
            return self.queue.submit(job).result(WRITE_TIMEOUT_S)
        except TimeoutError as error:
            raise StoreError("the store does not answer") from error
        finally:
            self.changed()


def reach_of(caller: Principal) -> list[RoleAssignment]:
    """Where the caller administers accounts."""
    return [grant for grant in _person(caller).grants if grant.role in PERMISSIONS["staff.manage"]]


def _person(caller: Principal) -> Principal:
    if caller.only is not None:
        raise Forbidden("this needs a person's own session; an API token does not do", sentence="error.person")
    return caller
