"""Log-in: argon2id passwords, random session tokens of which only the SHA-256 is kept, limits on guessing.

A log-in that fails says neither which half was wrong nor whether the name exists, and takes the same time.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import argon2

from aggregator.ledger import Ledger
from aggregator.mailbox import Mailbox, Result
from aggregator.record.acts import Act
from aggregator.stores import Reader, Writer
from aggregator.stores.records import Session, User
from common.clock import SECOND_NS, Clock
from common.errors import LoginError, LoginThrottled
from common.secret import Secret
from events.identifiers import NAME

MIN_PASSWORD = 10
WRITE_TIMEOUT_S = 10.0
_HASHERS = threading.Semaphore(2)  # each takes 64 MiB: a flood of log-ins must not take all memory
_REMEMBERED_KEYS = 10_000


@dataclass
class Throttle:
    """At most `limit` tries per key in any `window_s` seconds.

    Args:
        clock: Monotonic time.
        limit: Tries that are let through.
        window_s: Seconds that a try is remembered.
    """

    clock: Clock
    limit: int
    window_s: float
    _tries: dict[str, deque[int]] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def take(self, key: str) -> None:
        """Count a try.

        Raises:
            LoginThrottled: There were too many; this one does not count.
        """
        now_ns = self.clock.monotonic_ns()
        since_ns = now_ns - round(self.window_s * SECOND_NS)
        with self._lock:
            if len(self._tries) >= _REMEMBERED_KEYS:
                self._drop_old(since_ns)
            tries = self._tries.setdefault(key, deque())
            while tries and tries[0] <= since_ns:
                tries.popleft()
            if len(tries) >= self.limit:
                raise LoginThrottled((tries[0] - since_ns) / SECOND_NS)
            tries.append(now_ns)

    def forgive(self, key: str) -> None:
        """Forget the tries of a key: the log-in was right."""
        with self._lock:
            self._tries.pop(key, None)

    def take_back(self, key: str) -> None:
        """Forget the newest try of a key."""
        with self._lock:
            if tries := self._tries.get(key):
                tries.pop()

    def _drop_old(self, since_ns: int) -> None:
        self._tries = {key: tries for key, tries in self._tries.items() if tries and tries[-1] > since_ns}
        if len(self._tries) >= _REMEMBERED_KEYS:  # still: drop a quarter at once, so that this stays rare
            self._tries = dict(list(self._tries.items())[_REMEMBERED_KEYS // 4 :])


def hash_password(password: Secret, hasher: argon2.PasswordHasher | None = None) -> str:
    """The argon2id hash of a password, parameters included."""
    return (hasher or argon2.PasswordHasher()).hash(password.reveal())


def hash_token(token: str) -> str:
    """What is kept of a session token; it has 256 random bits, so a plain SHA-256 is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def add_user(store: Writer, name: str, password: Secret, now_ns: int) -> None:
    """Add a user, or give one a new password.

    Raises:
        LoginError: The name has wrong characters or the password is too short.
    """
    if not NAME.match(name):
        raise LoginError(f"name '{name[:80]}' must be 1 to 64 of letters, digits, '_', '.', '-'")
    if len(password.reveal()) < MIN_PASSWORD:
        raise LoginError(f"a password needs at least {MIN_PASSWORD} characters")
    store.put_user(User(name=name, password_hash=hash_password(password), created_ns=now_ns))


def create_one_time_user(store: Writer, name: str, token: Callable[[], str], now_ns: int) -> str:
    """Add a user who can log in once.

    Args:
        store: The writer.
        name: The user's name; one of that name is replaced.
        token: Makes an unguessable password.
        now_ns: The wall clock.

    Returns:
        The password, which is valid for one log-in only.
    """
    password = token()
    password_hash = hash_password(Secret(password))
    store.put_user(User(name=name, password_hash=password_hash, one_time=True, created_ns=now_ns))
    return password


class Gatekeeper:
    """Lets people in and knows who they are. May be used from any thread.

    Args:
        reader: Users and sessions.
        mailbox: The way to the writer.
        clock: Wall time for sessions, monotonic time for limits.
        token: Makes an unguessable string of at least 256 bits.
        hours: How long a log-in lasts.
        hasher: argon2id with its parameters.
    """

    def __init__(
        self,
        reader: Reader,
        mailbox: Mailbox[Ledger],
        clock: Clock,
        token: Callable[[], str],
        hours: float = 12.0,
        *,
        hasher: argon2.PasswordHasher | None = None,
    ) -> None:
        self._reader = reader
        self._mailbox = mailbox
        self._clock = clock
        self._token = token
        self.lifetime_s = round(hours * 3600)
        self._hasher = hasher or argon2.PasswordHasher()
        self._dummy = self._hasher.hash(token())
        self._limits = {
            "pair": Throttle(clock, 5, 300.0),
            "address": Throttle(clock, 20, 300.0),
            "name": Throttle(clock, 50, 300.0),
        }

    def log_in(self, name: str, password: Secret, address: str) -> str:
        """Check a name and a password; takes some 50 ms of CPU.

        Returns:
            A new session's token.

        Raises:
            LoginThrottled: Too many tries from this address or for this name.
            LoginError: Wrong; not said what.
            StoreError: The session could not be written.
        """
        name = name[:64]
        keys = {"pair": f"{address}\0{name}", "address": address, "name": name}
        for limit, key in keys.items():
            self._limits[limit].take(key)
        user = self._reader.user(name)
        right = self._verify(user.password_hash if user else self._dummy, password)
        if user is None or not right:
            raise LoginError("wrong name or password")
        if user.one_time and not self._write(lambda ledger: ledger.store.use_up(user)):
            raise LoginError("wrong name or password")
        self._limits["pair"].forgive(keys["pair"])
        self._limits["address"].take_back(address)
        self._limits["name"].take_back(name)
        token = self._token()
        now_ns = self._clock.wall_ns()
        session = Session(token_hash=hash_token(token), user=user.name, expires_ns=now_ns + self.lifetime_s * SECOND_NS)
        act = Act(time_ns=now_ns, who=user.name, what="login")
        self._write(lambda ledger: ledger.store.put_session(session, act))
        return token

    def who(self, token: str | None) -> str | None:
        """The user of a session, or None: no token, unknown, expired."""
        if not token or len(token) > 200:
            return None
        session = self._reader.session(hash_token(token), self._clock.wall_ns())
        return None if session is None else session.user

    def log_out(self, token: str) -> None:
        """End a session."""
        user = self.who(token)
        if user is not None:
            act = Act(time_ns=self._clock.wall_ns(), who=user, what="logout")
            self._write(lambda ledger: ledger.store.drop_session(hash_token(token), act))

    def _write(self, work: Callable[[Ledger], Result]) -> Result:
        return self._mailbox.submit(work).result(WRITE_TIMEOUT_S)

    def _verify(self, password_hash: str, password: Secret) -> bool:
        with _HASHERS:
            try:
                return self._hasher.verify(password_hash, password.reveal()[:1024])
            except argon2.exceptions.VerificationError:
                return False
