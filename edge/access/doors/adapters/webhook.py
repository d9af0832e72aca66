"""Controllers that post signed messages; old and repeated messages are rejected.

A request to `/doors/ID` carries `X-Paifang-Time` (seconds since 1970, UTC), `X-Paifang-Nonce` (16 to 64 of letters
and digits, never used before) and `X-Paifang-Signature`: hexadecimal HMAC-SHA-256 under the door's key of

    POST, path, time, nonce, body                 joined by single line feeds

The answer 204 states that the resulting events are on disk. 401: wrong signature; 409: invalid time or nonce.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections.abc import Mapping, Sequence

from common.clock import SECOND_NS
from common.errors import ContractError, DoorRefused
from edge.access.doors.adapters.base import AdapterContext, Outputs, secret_bytes
from edge.access.doors.adapters.http import CommitWaiter, Listener, door_of
from edge.access.doors.door_signals import ControllerRestored, Refused
from edge.access.doors.json_message_format import Message, decode
from edge.settings.doors import DoorSettings, WebhookDoor
from protocol.identifiers import from_rfc3339

TIME, NONCE, SIGNATURE = "x-paifang-time", "x-paifang-nonce", "x-paifang-signature"
_NONCE = re.compile(r"[A-Za-z0-9]{16,64}")
_TIME = re.compile(r"\d{1,11}(\.\d{1,9})?")
KEY_BYTES = 16


def sign(key: bytes, path: str, time: str, nonce: str, body: bytes) -> str:
    """The signature of a request."""
    return hmac.new(key, "\n".join(("POST", path, time, nonce, "")).encode() + body, hashlib.sha256).hexdigest()


class Nonces:
    """Stores used nonces for as long as their time could still be accepted.

    Args:
        lifetime_ns: How long a nonce is stored.
    """

    def __init__(self, lifetime_ns: int) -> None:
        self._lifetime_ns = lifetime_ns
        self._used: dict[tuple[str, str], int] = {}

    def fresh(self, door: str, nonce: str, now_ns: int) -> bool:
        """Whether a nonce is new; marks it as used."""
        oldest = next(iter(self._used.items()), None)
        while oldest is not None and now_ns - oldest[1] > self._lifetime_ns:
            del self._used[oldest[0]]
            oldest = next(iter(self._used.items()), None)
        if (door, nonce) in self._used:
            return False
        self._used[door, nonce] = now_ns
        return True


class Webhook:
    """A listener for signed messages.

    Args:
        host: Address to listen on.
        port: Its port; 0 for any.
        doors: Settings of its doors.
        context: Its dependencies.

    Raises:
        SettingsError: A key's file cannot be used.
    """

    def __init__(self, host: str, port: int, doors: Sequence[DoorSettings], context: AdapterContext) -> None:
        self.doors = tuple(door.id for door in doors)
        self._settings = {door.id: door.control for door in doors if isinstance(door.control, WebhookDoor)}
        self._keys = {
            door: secret_bytes(context.base, settings.key_file, f"doors '{door}': control.key_file", KEY_BYTES)
            for door, settings in self._settings.items()
        }
        longest_s = max(settings.skew_s for settings in self._settings.values())
        self._nonces, self._lock = Nonces(round(2 * longest_s * SECOND_NS)), threading.Lock()
        self._context, self._began_ns = context, context.clock.wall_ns()
        self._listener = Listener(host, port, self._post)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._listener.port

    def run_once(self) -> None:
        """Listen."""
        self._listener.serve(self._context.stop)

    def unlock(self, door: str) -> None:
        """Not supported by a webhook."""
        raise DoorRefused(f"door '{door}' cannot be unlocked: a webhook only reports", sentence="door.report_only")

    def outputs(self, door: str) -> Outputs:
        """Not supported by a webhook."""
        raise DoorRefused(f"door '{door}' has no outputs: a webhook only reports")

    def _post(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        try:
            door = door_of(path, self.doors)
        except DoorRefused as error:
            return 404, f"{error}\n".encode()
        report = self._context.report
        time, nonce = headers.get(TIME, ""), headers.get(NONCE, "")
        signature = sign(self._keys[door], path, time, nonce, body)
        if not hmac.compare_digest(signature.encode(), headers.get(SIGNATURE, "").encode()):
            report(door, Refused("wrong signature"))
            return 401, b"wrong signature\n"
        problem = self._stale(door, time)
        if problem:
            report(door, Refused(problem))  # a replayed message must not change the door's state
            return 409, f"{problem}\n".encode()
        if float(time) * SECOND_NS < self._began_ns:  # its nonce may have been used before the restart
            report(door, Refused("signed before the box started"))
            return 409, b"signed before the box started; sign it again\n"
        with self._lock:
            fresh = _NONCE.fullmatch(nonce) and self._nonces.fresh(door, nonce, self._context.clock.monotonic_ns())
        if not fresh:
            report(door, Refused("replayed"))
            return 409, b"this nonce was used before, or is not 16 to 64 letters and digits\n"
        return self._handle(door, body)

    def _stale(self, door: str, time: str) -> str:
        """The problem of a signed message's time; empty if valid."""
        if not _TIME.fullmatch(time):
            return "the message's time is not a number of seconds"
        off_s = float(time) - self._context.clock.wall_ns() / SECOND_NS
        return f"the controller's clock is off by {off_s:.0f} s" if abs(off_s) > self._settings[door].skew_s else ""

    def _handle(self, door: str, body: bytes) -> tuple[int, bytes]:
        try:
            message = decode(body)
            time_ns = self._own_time(door, message)
        except DoorRefused as error:
            self._context.report(door, Refused(str(error)))
            return 400, f"{error}\n".encode()
        committed = CommitWaiter()
        self._context.report(door, ControllerRestored(), time_ns)
        self._context.report(door, message.signal(), time_ns, committed)
        return committed.answer()

    def _own_time(self, door: str, message: Message) -> int | None:
        """The controller's own time; it may be in the past, not in the future."""
        if not message.time:
            return None
        try:
            time_ns = from_rfc3339(message.time)
        except ContractError as error:
            raise DoorRefused("time is not RFC 3339 in UTC") from error
        if time_ns - self._context.clock.wall_ns() > self._settings[door].skew_s * SECOND_NS:
            raise DoorRefused("time is in the future")
        return time_ns


def webhooks(doors: Sequence[DoorSettings], context: AdapterContext) -> list[Webhook]:
    """One listener for each address."""
    groups: dict[tuple[str, int], list[DoorSettings]] = {}
    for door in doors:
        assert isinstance(door.control, WebhookDoor)
        groups.setdefault((door.control.host, door.control.port), []).append(door)
    return [Webhook(host, port, doors_at_address, context) for (host, port), doors_at_address in groups.items()]
