"""Relays that open a barrier. To add one: its settings, its class, and one line in `RELAYS`.

Interlock: there is no command to close, and there must never be one. A relay only commands "open" for some seconds; the
barrier closes by its own induction loop, which detects a vehicle under it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx2
from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException

from common import logging_setup, text_file
from common.clock import Clock
from common.errors import DoorError, RelayError, SettingsError
from common.secret import Secret
from edge.settings.gates import HttpRelay, ModbusRelay, OsdpRelay, SimulatedRelay
from protocol.identifiers import to_rfc3339

OFF_TRIES, OFF_WAIT_S = 20, 0.5


class Relay(Protocol):
    """Opens one barrier."""

    def pulse(self, seconds: float) -> None:
        """Command "open" for so many seconds; returns when the command was accepted.

        Raises:
            RelayError: It was not accepted.
        """


class Outputs(Protocol):
    """Outputs of a door controller; the doors' adapters have them."""

    def pulse(self, output: int, seconds: float) -> None:
        """Switch an output on for so long.

        Raises:
            DoorError: It was not switched.
        """


@dataclass(frozen=True)
class RelayContext:
    """Dependencies of relays.

    Attributes:
        base: Folder that the settings' files are relative to.
        gate: The gate's name.
        clock: For the time in a signed request.
        outputs: A door's outputs, by the door's id.
        wait: Sleeps for so many seconds, or less when the box stops.
    """

    base: Path
    gate: str
    clock: Clock
    outputs: Callable[[str], Outputs]
    wait: Callable[[float], object]


@dataclass
class Simulated:
    """Records its pulses; also the fake of tests."""

    settings: SimulatedRelay
    context: RelayContext
    pulses: list[float] = field(default_factory=list)
    broken: bool = False

    def pulse(self, seconds: float) -> None:
        """Record it."""
        if self.broken:
            raise RelayError("the simulated relay is broken")
        self.pulses.append(seconds)


class Http:
    """POSTs `{"gate", "open_s", "time", "nonce"}`; with a secret, `X-Paifang-Signature` is its HMAC-SHA-256 in hex.

    Any status from 200 to 299 means that it opened. Redirects are not followed.
    """

    def __init__(self, settings: HttpRelay, context: RelayContext) -> None:
        self._settings, self._context = settings, context
        self._secret = _one_line(context.base, settings.secret_file, "relay.secret_file")
        self._password = _one_line(context.base, settings.password_file, "relay.password_file")
        self._client = httpx2.Client(  # of its own: making its TLS context takes 20 ms; a new connection each time
            timeout=settings.timeout_s, limits=httpx2.Limits(max_keepalive_connections=0), follow_redirects=False
        )

    def pulse(self, seconds: float) -> None:
        """Ask it to open.

        Raises:
            RelayError: No answer in time, or not a good one.
        """
        body = json.dumps(
            {
                "gate": self._context.gate,
                "open_s": seconds,
                "time": to_rfc3339(self._context.clock.wall_ns()),
                "nonce": secrets.token_hex(8),
            }
        ).encode()
        try:
            with self._client.stream("POST", self._settings.url, content=body, headers=self._headers(body)) as answer:
                status, opened = answer.status_code, answer.is_success  # the body is not read: it may hold anything
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise RelayError(f"the relay does not answer: {error or type(error).__name__}") from error
        if not opened:
            raise RelayError(f"the relay answered {status}")

    def _headers(self, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self._secret is not None:
            key = self._secret.reveal().encode()
            headers["X-Paifang-Signature"] = hmac.new(key, body, hashlib.sha256).hexdigest()
        if self._settings.username and self._password is not None:
            pair = f"{self._settings.username}:{self._password.reveal()}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        return headers


class Modbus:
    """Writes a coil: on, and after the pulse off again, which is tried several times: a coil must not stay on."""

    def __init__(self, settings: ModbusRelay, context: RelayContext) -> None:
        self._settings, self._context = settings, context

    def pulse(self, seconds: float) -> None:
        """Switch the coil on, and off after `seconds`, from a thread of its own.

        Raises:
            RelayError: The module did not take the "on".
        """
        self._write(True)
        threading.Thread(target=self._release, args=(seconds,), name="relay-off", daemon=False).start()

    def _release(self, seconds: float) -> None:
        self._context.wait(seconds)
        for _ in range(OFF_TRIES):
            try:
                self._write(False)
                return
            except RelayError as error:
                logging_setup.get("gate").error("the coil is still on", gate=self._context.gate, error=str(error))
                self._context.wait(OFF_WAIT_S)

    def _write(self, on: bool) -> None:
        client = ModbusTcpClient(
            self._settings.host, port=self._settings.port, timeout=self._settings.timeout_s, retries=1
        )
        try:
            if not client.connect():  # type: ignore[no-untyped-call]
                raise RelayError("the Modbus module does not answer")
            answer = client.write_coil(self._settings.coil, on, device_id=self._settings.unit)
        except (ModbusException, OSError) as error:
            raise RelayError(f"the Modbus module does not answer: {error}") from error
        finally:
            client.close()  # type: ignore[no-untyped-call]
        if answer.isError():
            raise RelayError(f"the Modbus module refused coil {self._settings.coil}")


class Osdp:
    """An output of a door controller."""

    def __init__(self, settings: OsdpRelay, context: RelayContext) -> None:
        self._settings, self._context = settings, context

    def pulse(self, seconds: float) -> None:
        """Switch the output on.

        Raises:
            RelayError: The controller did not take it.
        """
        try:
            self._context.outputs(self._settings.door).pulse(self._settings.output, seconds)
        except DoorError as error:
            raise RelayError(str(error)) from error


RELAYS: dict[type, Callable[[Any, RelayContext], Relay]] = {
    SimulatedRelay: Simulated,
    HttpRelay: Http,
    ModbusRelay: Modbus,
    OsdpRelay: Osdp,
}
"""Settings' class → what opens with it."""


def _one_line(base: Path, name: str, key: str) -> Secret | None:
    """The secret in a file.

    Raises:
        SettingsError: It cannot be read, or is empty.
    """
    if not name:
        return None
    try:
        text = text_file.read(base / name).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(str(base / name), key, f"cannot be read: {error}") from error
    if not text:
        raise SettingsError(str(base / name), key, "is empty; write the secret into it, one line")
    return Secret(text)
