"""What ONVIF Profile A and C events mean (Access Control and Door Control service specifications, 21.06).

`CredentialHolderName` and what else names people is not read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from common.secret import Secret
from edge.access.doors.door_signals import (
    CredentialPresented,
    DoorContact,
    DoorSignal,
    Forced,
    Held,
    Lock,
    Tamper,
    Verdict,
)

Items = Mapping[str, str]


@dataclass(frozen=True)
class Notification:
    """One notification, without its envelope.

    Attributes:
        topic: `Door/State/DoorPhysicalState`, without prefixes.
        source: Names and values of what it is about.
        data: Names and values of what is so.
        utc: When, RFC 3339; empty where it only repeats how things stand.
    """

    topic: str
    source: Items
    data: Items
    utc: str = ""

    def __repr__(self) -> str:
        return f"Notice({self.topic})"


def _card(verdict: Verdict) -> Callable[[Items], DoorSignal | None]:
    def signal(data: Items) -> DoorSignal:
        token = data.get("CredentialToken") or data.get("Card") or ""
        return CredentialPresented(verdict, Secret(token) if token else None, data.get("Reason", ""))

    return signal


def _one_of(key: str, meanings: Mapping[str, DoorSignal]) -> Callable[[Items], DoorSignal | None]:
    return lambda data: meanings.get(data.get(key, ""))


_STATE = "State"
TOPICS: dict[str, Callable[[Items], DoorSignal | None]] = {
    "AccessControl/AccessGranted/Credential": _card("granted"),
    "AccessControl/AccessGranted/Anonymous": _card("granted"),
    "AccessControl/Denied/Credential": _card("denied"),
    "AccessControl/Denied/Anonymous": _card("denied"),
    "AccessControl/Denied/CredentialNotFound/Card": lambda data: _card("denied")({"Reason": "unknown", **data}),
    "AccessControl/Duress": _card("duress"),
    "Door/State/DoorPhysicalState": _one_of(
        _STATE, {"Open": DoorContact(open=True), "Closed": DoorContact(open=False)}
    ),
    "Door/State/LockPhysicalState": _one_of(_STATE, {"Locked": Lock(locked=True), "Unlocked": Lock(locked=False)}),
    "Door/State/DoorAlarm": _one_of(_STATE, {"DoorForcedOpen": Forced(), "DoorOpenTooLong": Held()}),
    "Door/State/DoorTamper": _one_of(_STATE, {"TamperDetected": Tamper(on=True), "NotInTamper": Tamper(on=False)}),
}
"""Topic → what its data mean; None: nothing for us."""


def door_of(notification: Notification, doors: Mapping[str, str], points: Mapping[str, str]) -> str | None:
    """The door that a notification is about.

    Args:
        notification: The notification.
        doors: Token → our id.
        points: Token of an access point → our id.
    """
    return doors.get(notification.source.get("DoorToken", "")) or points.get(
        notification.source.get("AccessPointToken", "")
    )


def meaning(notification: Notification) -> DoorSignal | None:
    """What a notification says; None where it says nothing for us."""
    return TOPICS[notification.topic](notification.data) if notification.topic in TOPICS else None
