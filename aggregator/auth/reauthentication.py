"""What a person shows anew before their account gets another way in: the current password, and a code where asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import argon2

from aggregator.auth import totp
from aggregator.auth.accounts import recovery_codes
from aggregator.auth.passwords import BY_PROVIDER, act_of, matches
from aggregator.auth.rate_limiter import RateLimiter
from aggregator.domain.store_port.accounts import AccountReader, AccountWriter
from aggregator.storage.keyring import KeyRing
from common.clock import Clock
from common.errors import KeysMissing, ListError, StaffError
from common.secret import Secret

Write = Callable[[Callable[[AccountWriter], bool]], bool]
"""Carries a job out on the writer's thread."""


@dataclass(frozen=True)
class Proof:
    """The current password and, where the user has a second factor, a code of its device."""

    password: Secret = field(default_factory=lambda: Secret(""))
    code: str = ""


@dataclass(frozen=True)
class Checker:
    """Checks proofs; each takes some 50 ms of CPU.

    Args:
        reader: Users and second factors.
        keys: Open second factors.
        clock: Wall time of codes, monotonic time of the limit.
        write: The way to the writer.
    """

    reader: AccountReader
    keys: KeyRing
    clock: Clock
    write: Write
    _tries: RateLimiter = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_tries", RateLimiter(self.clock, 5, 300.0))

    def check(self, name: str, proof: Proof, *, by_provider: bool = False) -> None:
        """Check that this is the user, and not another person at their open page.

        Args:
            name: The user.
            proof: What they show.
            by_provider: The identity provider has authenticated them within the last minutes: no password is needed.

        Raises:
            KeysMissing: The second factor cannot be opened.
            LoginThrottled: Too many tries.
            StaffError: The password or the code is wrong, or the user has no password here.
        """
        if not (by_provider and self.without_password(name)):
            self._password(name, proof.password)
        self._tries.take(name)
        if not self.code(name, proof.code):
            text = "code: give a new code of your present second factor, or a recovery code"
            raise StaffError(text, sentence="error.proof.code", field="code")
        self._tries.forgive(name)

    def without_password(self, name: str) -> bool:
        """Whether the user logs in through the identity provider."""
        user = self.reader.user(name)
        return user is not None and user.password_hash == BY_PROVIDER

    def _password(self, name: str, current: Secret) -> None:
        user = self.reader.user(name)
        if user is None or user.password_hash == BY_PROVIDER:
            text = "you have no password here: it is your identity provider's, or was for one log-in"
            raise StaffError(text, sentence="error.proof.none", field="current")
        self._tries.take(name)
        if not matches(user.password_hash, current, argon2.PasswordHasher()):
            raise StaffError("current: the current password is wrong", sentence="error.proof.password", field="current")
        self._tries.take_back(name)

    def code(self, name: str, code: str) -> bool:
        """Whether the code is right, or none is asked for; a code is used up by the first who gives it.

        A recovery code does as well; its use is in the audit log.

        Raises:
            KeysMissing: The second factor cannot be opened.
        """
        kept = self.reader.totp_secret(name)
        if kept is None:
            return True
        try:
            secret = self.keys.shown(f"staff/{name}", kept.sealed)
        except ListError as error:
            raise KeysMissing(f"second factor of {name}: {error}") from error
        recovery = recovery_codes.hash_of(code)
        if recovery is not None:
            entry = act_of(name, name, self.clock.wall_ns(), "recovery code used")
            return self.write(lambda store: store.use_recovery_code(name, recovery, entry))
        step = totp.step_of(secret, code, self.clock.wall_ns())
        return step is not None and self.write(lambda store: store.use_totp_step(name, step))
