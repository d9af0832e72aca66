"""One OSDP reader: what its events mean. Pure but for what it tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.clock import SECOND_NS
from common.secret import Secret
from edge.access.doors.door_signals import CredentialPresented, DoorContact, DoorSignal, RequestToExit, Tamper
from edge.settings.doors import OsdpDoor

CARD, KEYS, STATUS = 1, 2, 4
"""libosdp's event numbers; a test compares them with the library."""
INPUTS, LOCAL = 0, 2
ASCII = 2
CODE_TIMEOUT_S = 10.0
LONGEST_CODE = 16
_END, _CLEAR = b"#\r", b"*\x7f"


@dataclass
class Reader:
    """Turns a reader's events into what a door says.

    Args:
        settings: The door's settings.
        report: Takes signals.
    """

    settings: OsdpDoor
    report: Callable[[DoorSignal], None]
    _keys: str = field(default="", repr=False)
    _keys_ns: int = 0
    _inputs: dict[int, bool] = field(default_factory=dict)
    _tampered: bool = False

    def take(self, event: Mapping[str, Any], now_ns: int) -> None:
        """One event, as the library gives it.

        Args:
            event: The library's dictionary.
            now_ns: The monotonic clock.
        """
        match event.get("event"):
            case 1:
                self.report(CredentialPresented("shown", Secret(_card(event))))
            case 2:
                self._type(bytes(event["data"]), now_ns)
            case 4 if event["type"] == INPUTS:
                self._contacts(bytes(event["report"]))
            case 4 if event["type"] == LOCAL:
                self._tamper(bytes(event["report"]))

    def fresh(self) -> None:
        """The reader is back: the next report of its inputs is news."""
        self._inputs, self._keys = {}, ""

    def _type(self, keys: bytes, now_ns: int) -> None:
        """Digits until `#`; `*` clears; what was typed too long ago is forgotten."""
        if now_ns - self._keys_ns > CODE_TIMEOUT_S * SECOND_NS:
            self._keys = ""
        self._keys_ns = now_ns
        for key in keys:
            if key in _END:
                code, self._keys = self._keys, ""
                if code:
                    self.report(CredentialPresented("shown", Secret(code)))
            elif key in _CLEAR:
                self._keys = ""
            elif len(self._keys) < LONGEST_CODE:
                self._keys += chr(key) if chr(key).isdigit() else ""

    def _contacts(self, report: bytes) -> None:
        settings = self.settings
        for number, value in enumerate(report):
            on = value != 0
            known = self._inputs.get(number)
            self._inputs[number] = on
            if number == settings.contact_input and on != known:
                self.report(DoorContact(open=on == (settings.contact_open == "on")))
            elif number == settings.exit_input and on and known is False:
                self.report(RequestToExit())

    def _tamper(self, report: bytes) -> None:
        on = bool(report[:1].strip(b"\0"))
        if on != self._tampered:
            self._tampered = on
            self.report(Tamper(on))


def _card(event: Mapping[str, Any]) -> str:
    """A card's number: its characters where it sends such, else its bytes in hexadecimal."""
    data = bytes(event["data"])
    return data.decode("ascii", "replace") if event.get("format") == ASCII else data.hex().upper()
