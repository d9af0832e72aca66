"""Passwords as argon2id, tokens as SHA-256, and how users come to be."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence

import argon2

from aggregator.auth.accounts.user_names import SYSTEM, check_user
from aggregator.domain.accounts.account import PutUser
from aggregator.domain.accounts.authorization import ROLES, RoleAssignment
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.store_port.accounts import AccountWriter
from common.errors import LoginError
from common.secret import Secret

MIN_PASSWORD, MAX_PASSWORD = 10, 1024
BY_PROVIDER = "provider"
"""Instead of a hash: this user logs in through the identity provider only."""
_HASHERS = threading.Semaphore(2)  # each takes 64 MiB: a flood of log-ins must not take all memory


def hash_password(password: Secret, hasher: argon2.PasswordHasher | None = None) -> str:
    """The argon2id hash of a password, parameters included."""
    return (hasher or argon2.PasswordHasher()).hash(password.reveal())


def matches(password_hash: str, password: Secret, hasher: argon2.PasswordHasher) -> bool:
    """Whether a password belongs to a hash; takes some 50 ms of CPU."""
    with _HASHERS:
        try:
            fits = len(password.reveal()) <= MAX_PASSWORD  # cut, it would match what it begins with
            return hasher.verify(password_hash, password.reveal() if fits else "") and fits
        except argon2.exceptions.VerificationError:
            return False


def hash_token(token: str) -> str:
    """What is kept of a token; it has 256 random bits, so a plain SHA-256 is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def add_user(
    store: AccountWriter, name: str, password: Secret | None, now_ns: int, grants: Sequence[RoleAssignment] = ()
) -> None:
    """Add a user, or give one a new password, which ends their sessions.

    Args:
        store: The writer.
        name: The user's name.
        password: The new one; None: they log in through the identity provider.
        now_ns: The wall clock.
        grants: Roles beyond those that they have.

    Raises:
        LoginError: The name has wrong characters or the password is too short.
    """
    name = check_user(name)
    if password is not None and not MIN_PASSWORD <= len(password.reveal()) <= MAX_PASSWORD:
        raise LoginError(
            f"a password needs at least {MIN_PASSWORD} characters, and at most {MAX_PASSWORD}",
            sentence="error.password.length", field="password", least=MIN_PASSWORD, most=MAX_PASSWORD,
        )  # fmt: skip
    kept = BY_PROVIDER if password is None else hash_password(password)
    what = "logs in through the identity provider" if password is None else "password set"
    change = PutUser(name, kept, now_ns, grants=tuple(grants))
    store.change_account(change, act_of(name, SYSTEM, now_ns, what, grants))


def create_one_time_user(store: AccountWriter, name: str, token: Callable[[], str], now_ns: int) -> str:
    """Add a user with every role everywhere, for one log-in: for a first trial, and to make the first accounts.

    Args:
        store: The writer.
        name: The user's name; a one-time user of that name is replaced.
        token: Makes an unguessable password.
        now_ns: The wall clock.

    Returns:
        The password, which is valid for one log-in only.

    Raises:
        LoginError: The name has wrong characters, or is in use.
    """
    name = check_user(name)
    password, grants = token(), tuple(RoleAssignment(role) for role in ROLES)
    change = PutUser(name, hash_password(Secret(password)), now_ns, one_time=True, grants=grants)
    if not store.change_account(change, act_of(name, SYSTEM, now_ns, "one-time password", grants)):
        raise LoginError(f"'{name}' is a user who stays; choose another name for a one-time password")
    return password


def act_of(user: str, by: str, now_ns: int, what: str, grants: Sequence[RoleAssignment] = ()) -> AuditEntry:
    """The record's entry for a change to an account."""
    detail = {"change": what} | ({"roles": " ".join(map(str, grants))} if grants else {})
    return AuditEntry(time_ns=now_ns, who=by, what="role.changed", target=user, detail=detail)
