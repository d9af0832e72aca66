"""Signals of a door's controller, whatever its protocol. Adapters make these; the event loop of the doors reads them.

A credential travels as a `Secret` from the adapter to that event loop, in the same process, and no further.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from common.secret import Secret

Verdict = Literal["granted", "denied", "shown", "duress"]
"""What the controller made of a credential; `shown`: it leaves the decision to the box."""

REASONS = {
    **dict.fromkeys(("unknown", "not found", "unknowncredential", "credentialnotfound", "invalid"), "unknown"),
    **dict.fromkeys(("expired", "not yet valid", "credentialexpired", "credentialnotactive", "validity"), "expired"),
    **dict.fromkeys(("revoked", "lost", "stolen", "blocked", "disabled", "credentialnotenabled"), "revoked"),
    **dict.fromkeys(("schedule", "time", "outside schedule", "notpermittedatthistime", "timezone"), "schedule"),
    **dict.fromkeys(("not permitted", "notpermitted", "no access", "unauthorized", "level"), "not permitted"),
    **dict.fromkeys(("antipassback", "anti-passback", "antipassbackviolation", "passback"), "antipassback"),
    **dict.fromkeys(("pin", "wrong pin", "invalidpin", "code"), "pin"),
    **dict.fromkeys(("locked", "lockdown", "interlock", "doorlocked"), "locked"),
}
"""What controllers write, lower case → what goes into an event; anything else is `other`, since a controller's own
words may name people."""


@dataclass(frozen=True)
class CredentialPresented:
    """A card, code or button was used.

    `fresh`: the message came as it happened. One that waited at a broker, or that was sent again, tells what happened
    but proves nobody at the door now: it never unlocks.
    """

    verdict: Verdict
    credential: Secret | None = None
    reason: str = ""
    fresh: bool = True


@dataclass(frozen=True)
class RequestToExit:
    """Somebody asked to get out: a button, a handle, a sensor inside."""


@dataclass(frozen=True)
class DoorContact:
    """The door's contact: open or closed, before debouncing."""

    open: bool


@dataclass(frozen=True)
class Lock:
    """The lock."""

    locked: bool


@dataclass(frozen=True)
class Forced:
    """The controller itself says that the door was forced."""


@dataclass(frozen=True)
class Held:
    """The controller itself says that the door is held open."""


@dataclass(frozen=True)
class Tamper:
    """Somebody is at the reader's or controller's housing."""

    on: bool


@dataclass(frozen=True)
class ControllerLost:
    """The controller does not answer, or its answer is not authentic; `reason` is one of our own."""

    reason: str


@dataclass(frozen=True)
class ControllerRestored:
    """The controller answers again."""


@dataclass(frozen=True)
class Refused:
    """A message was refused; `reason` is one of our own."""

    reason: str


@dataclass(frozen=True)
class Stale:
    """A message that says nothing about now: kept by a broker, or a repetition. It is counted; nothing else changes."""


DoorSignal = (
    CredentialPresented
    | RequestToExit
    | DoorContact
    | Lock
    | Forced
    | Held
    | Tamper
    | ControllerLost
    | ControllerRestored
    | Refused
    | Stale
)


def normal(text: str) -> str:
    """A credential as lists and pseudonyms know it: upper case, nothing but letters and digits.

    >>> normal(" 04:a2-f1 ")
    '04A2F1'
    """
    return re.sub(r"[\W_]+", "", text).upper()


def standard_reason(text: str) -> str:
    """A controller's reason as one of the standard reasons; empty without one.

    >>> standard_reason("Expired"), standard_reason("a card"), standard_reason("")
    ('expired', 'other', '')
    """
    return REASONS.get(text.strip().lower(), "other") if text.strip() else ""
