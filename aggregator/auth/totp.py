"""Second factors: time-based codes after RFC 6238, each good once."""

from __future__ import annotations

import hmac
from collections.abc import Callable

import pyotp

from common.clock import SECOND_NS, Clock
from common.errors import StaffError

STEP_S = 30
DRIFT = 1
"""Steps that a telephone's clock may be off, to either side."""
PENDING_S = 600
MOST_PENDING = 1_000


def new_secret() -> str:
    """160 random bits in base32, as RFC 4226 asks for."""
    return pyotp.random_base32()


def link(secret: str, user: str) -> str:
    """What an authenticator takes: an `otpauth:` address."""
    return pyotp.TOTP(secret).provisioning_uri(name=user, issuer_name="Paifang")


def step_of(secret: str, code: str, time_ns: int) -> int | None:
    """The time step that a code belongs to, near to now; None: wrong.

    Args:
        secret: Base32.
        code: Six digits; spaces are forgiven.
        time_ns: The wall clock.
    """
    digits = code.replace(" ", "")
    if not (len(digits) == 6 and digits.isascii() and digits.isdecimal()):
        return None
    now, codes = time_ns // SECOND_NS // STEP_S, pyotp.TOTP(secret)
    steps = range(now - DRIFT, now + DRIFT + 1)
    right = [step for step in steps if hmac.compare_digest(codes.generate_otp(step), digits)]
    return right[-1] if right else None


class PendingEnrolment:
    """Secrets that were shown and not yet confirmed with a code; bounded, and forgotten after ten minutes.

    Args:
        clock: Monotonic time.
        secret: Makes one.
    """

    def __init__(self, clock: Clock, secret: Callable[[], str] = new_secret) -> None:
        self._clock, self._secret = clock, secret
        self._shown: dict[str, tuple[str, int]] = {}

    def show(self, user: str) -> str:
        """A new secret for a user."""
        while len(self._shown) >= MOST_PENDING:
            self._shown.pop(next(iter(self._shown)))
        secret = self._secret()
        self._shown.pop(user, None)
        self._shown[user] = (secret, self._clock.monotonic_ns())
        return secret

    def confirmed(self, user: str, code: str) -> tuple[str, int]:
        """The secret and the code's step, after a right code.

        Raises:
            StaffError: Nothing was shown lately, or the code is wrong.
        """
        secret, shown_ns = self._shown.get(user, ("", 0))
        if not secret or self._clock.monotonic_ns() - shown_ns > PENDING_S * SECOND_NS:
            text = "no secret was shown in the last ten minutes; begin again"
            raise StaffError(text, sentence="error.factor.old", field="code")
        step = step_of(secret, code, self._clock.wall_ns())
        if step is None:
            text = "the code is wrong; check the clock of the device that made it"
            raise StaffError(text, sentence="error.factor.wrong", field="code")
        del self._shown[user]
        return secret, step
