"""Log-ins that cameras refused: shared by all readers, since cameras lock a user out after a few attempts."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from common.clock import SECOND_NS
from common.errors import LoginRefused
from common.running.backoff import exponential_s
from common.secret.digest import Login

WAIT_S = 300.0
"""After a refused log-in; it doubles up to `LONGEST_S`. Cameras lock a user out after about five tries."""
LONGEST_S = 3600.0
ATTEMPT_WAIT_S = 10.0
"""Maximum time that a reader waits for another reader's attempt with the same log-in."""
_POLL_S = 0.2
_MOST = 1_000


@dataclass
class _Attempt:
    """One log-in at one camera."""

    refused: int = 0
    retry_ns: int = 0
    in_progress: bool = False


class Refusals:
    """The log-in attempts; thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._attempts: dict[bytes, _Attempt] = {}

    @contextmanager
    def single_attempt(
        self, where: str, host: str, credentials: Login, now: Callable[[], int], stopped: Callable[[], bool]
    ) -> Iterator[None]:
        """Context of one log-in attempt; a `LoginRefused` raised inside is stored.

        Args:
            where: Names the stream in errors.
            host: The camera's host and port.
            credentials: User and password.
            now: Monotonic clock, nanoseconds.
            stopped: Ends the waiting for another reader's attempt.

        Raises:
            LoginRefused: This log-in was refused, and its time has not come again.
        """
        if not credentials.username:
            yield
            return
        attempt = self._enter(where, _key(host, credentials), now, stopped)
        try:
            yield
        except LoginRefused:
            self._refused(attempt, now())
            raise
        else:
            attempt.refused = attempt.retry_ns = 0
        finally:
            with self._changed:
                attempt.in_progress = False
                self._changed.notify_all()

    def _enter(self, where: str, key: bytes, now: Callable[[], int], stopped: Callable[[], bool]) -> _Attempt:
        with self._changed:
            if len(self._attempts) >= _MOST and key not in self._attempts:
                self._attempts.pop(next(iter(self._attempts)))
            attempt = self._attempts.setdefault(key, _Attempt())
            until_ns = now() + round(ATTEMPT_WAIT_S * SECOND_NS)
            while attempt.in_progress and now() < until_ns and not stopped():
                self._changed.wait(_POLL_S)
            if attempt.refused and now() < attempt.retry_ns:
                raise LoginRefused(f"{where}: wrong user or password; the camera is asked again after some minutes")
            attempt.in_progress = True
            return attempt

    def _refused(self, attempt: _Attempt, now_ns: int) -> None:
        with self._changed:
            wait_s = exponential_s(WAIT_S, LONGEST_S, attempt.refused)
            attempt.refused += 1
            attempt.retry_ns = now_ns + round(wait_s * SECOND_NS)


def _key(host: str, credentials: Login) -> bytes:
    """Another password is another log-in; only a hash is stored."""
    return hashlib.sha256(f"{host}\0{credentials.username}\0{credentials.password.reveal()}".encode()).digest()


SHARED = Refusals()
"""Shared by the process: a camera counts the attempts of the whole box."""
