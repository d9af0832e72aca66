"""The words that doors without a protocol of their own say: by webhook, MQTT and simulator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from common.decoding import JsonDecoder
from common.errors import ContractError, DoorRefused
from common.secret import Secret
from edge.access.doors import door_signals as signals
from edge.settings.doors import Word

MAX_CREDENTIAL = 128
MAX_BODY_BYTES = 8 * 1024

WORDS: dict[Word, Callable[[Secret | None, str], signals.DoorSignal]] = {
    "granted": lambda credential, reason: signals.CredentialPresented("granted", credential, reason),
    "denied": lambda credential, reason: signals.CredentialPresented("denied", credential, reason),
    "shown": lambda credential, reason: signals.CredentialPresented("shown", credential, reason),
    "duress": lambda credential, reason: signals.CredentialPresented("duress", credential, reason),
    "exit": lambda *_: signals.RequestToExit(),
    "opened": lambda *_: signals.DoorContact(open=True),
    "closed": lambda *_: signals.DoorContact(open=False),
    "locked": lambda *_: signals.Lock(locked=True),
    "unlocked": lambda *_: signals.Lock(locked=False),
    "forced": lambda *_: signals.Forced(),
    "held": lambda *_: signals.Held(),
    "tamper": lambda *_: signals.Tamper(on=True),
    "tamper-over": lambda *_: signals.Tamper(on=False),
    "offline": lambda *_: signals.ControllerLost("the controller says so"),
    "online": lambda *_: signals.ControllerRestored(),
}
"""Word → what it means, given a credential and the controller's reason."""


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a webhook or the simulator says, as JSON. `time` is RFC 3339 in UTC."""

    event: Word
    credential: Annotated[str, msgspec.Meta(max_length=MAX_CREDENTIAL)] = ""
    reason: Annotated[str, msgspec.Meta(max_length=MAX_CREDENTIAL)] = ""
    time: str = ""

    def __repr__(self) -> str:
        return f"Message({self.event})"

    def signal(self) -> signals.DoorSignal:
        """What it means."""
        return meaning(self.event, self.credential, self.reason)


_DECODER = JsonDecoder(Message)


def meaning(word: Word, credential: str, reason: str) -> signals.DoorSignal:
    """What a word means; `credential` and `reason` are empty where they are missing."""
    return WORDS[word](Secret(credential) if credential else None, reason)


def decode(body: bytes) -> Message:
    """A message from JSON.

    Raises:
        DoorRefused: Not such a message; says where, and never what stood there.
    """
    try:
        return _DECODER.decode(body)
    except ContractError as error:
        path = str(error).partition(" - at ")[2]
        raise DoorRefused(f"not a door's message{': look at ' + path if path else ''}") from None


def field(value: Any, path: str) -> Any:
    """The value at `a.b` inside of maps; None where there is none."""
    for name in path.split(".") if path else ():
        value = value.get(name) if isinstance(value, dict) else None
    return value if path else None
