"""Controllers that publish JSON: which field says what, and what its words mean, is all in the settings.

The session is persistent and a message is acknowledged only when what it led to is on disk, so a broker that keeps
its word delivers again what a power cut took. What is delivered late tells what happened and unlocks nothing:
a retained message and a repetition are counted and dropped, one that waited at the broker makes events only.
"""

from __future__ import annotations

import dataclasses
import hashlib
import ssl
import threading
from collections.abc import Sequence
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from common import logging_setup
from common.clock import SECOND_NS
from common.decoding import decode_any
from common.errors import ContractError, DoorLost, DoorRefused
from edge.access.doors.adapters.base import AdapterContext, Outputs, secret_line
from edge.access.doors.adapters.mqtt_backlog import Backlog, Repetitions
from edge.access.doors.door_signals import (
    ControllerLost,
    ControllerRestored,
    CredentialPresented,
    DoorSignal,
    Forced,
    Held,
    Refused,
    RequestToExit,
    Stale,
)
from edge.access.doors.json_message_format import MAX_BODY_BYTES, MAX_CREDENTIAL, field, meaning
from edge.settings.doors import DoorSettings, MqttDoor
from protocol.identifiers import from_rfc3339

Place = tuple[str, int, str, str, bool, str]
CONNECT_S = 10.0


class MqttBus:
    """One connection to a broker.

    Args:
        doors: Settings of its doors; they have the broker in common.
        context: Its dependencies.

    Raises:
        SettingsError: The password's file cannot be read.
    """

    def __init__(self, doors: Sequence[DoorSettings], context: AdapterContext) -> None:
        self.doors = tuple(door.id for door in doors)
        self._settings = {door.id: door.control for door in doors if isinstance(door.control, MqttDoor)}
        self._of_topic = {settings.topic: door for door, settings in self._settings.items()}
        self._context = context
        self._first = next(iter(self._settings.values()))
        name = self._first.password_file
        self._password = secret_line(context.base, name, "doors: control.password_file") if name else None
        self._client: mqtt.Client | None = None
        self._down, self._reason = threading.Event(), ""
        self._thread_name = f"paho-mqtt-client-{client_id(context.box, self._first)}"
        self._backlog, self._repetitions = Backlog(), Repetitions()
        self._began_ns = context.clock.wall_ns()

    def run_once(self) -> None:
        """Connect, subscribe, and stay until the connection ends."""
        client, first = self._make(), self._first
        self._down.clear()
        self._reason = "the broker does not answer"
        try:
            client.connect(first.host, first.port, keepalive=10)
        except (OSError, ValueError) as error:
            raise DoorLost(f"the broker {first.host}:{first.port} cannot be reached: {error}") from error
        self._client = client
        client.loop_start()
        try:
            while not self._context.stop.wait(0.2):
                if self._down.is_set():
                    raise DoorLost(self._reason)
                if not any(it.name == self._thread_name for it in threading.enumerate()):
                    raise DoorLost("a fault in the box: the connection's thread ended")
        finally:
            self._client = None
            client.disconnect()
            client.loop_stop()

    def unlock(self, door: str) -> None:
        """Publish what unlocks the door."""
        settings, client = self._settings[door], self._client
        if not settings.unlock_topic:
            raise DoorRefused(f"door '{door}' cannot be unlocked: it has no unlock_topic")
        if client is None or not client.is_connected():
            raise DoorLost(f"door '{door}' cannot be unlocked: the broker is not there")
        client.publish(settings.unlock_topic, settings.unlock_payload, qos=1)

    def outputs(self, door: str) -> Outputs:
        """It has none."""
        raise DoorRefused(f"door '{door}' has no outputs: by MQTT a door is only unlocked")

    def _make(self) -> mqtt.Client:
        first = self._first
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id(self._context.box, first),
            clean_session=False,
            protocol=mqtt.MQTTv311,
            manual_ack=True,
        )
        if first.username:
            client.username_pw_set(first.username, self._password)
        if first.tls:
            client.tls_set_context(
                ssl.create_default_context(cafile=str(self._context.base / first.ca_file) if first.ca_file else None)
            )
        client.on_connect, client.on_disconnect = self._connected, self._disconnected
        client.on_message = self._guarded
        return client

    def _connected(
        self, client: mqtt.Client, _data: Any, flags: mqtt.ConnectFlags, code: ReasonCode, _properties: Any
    ) -> None:
        if code.is_failure:
            self._reason = f"the broker refused: {code}"
            self._down.set()
            return
        self._backlog.began(self._context.clock.monotonic_ns(), flags.session_present)
        client.subscribe([(topic, 1) for topic in self._of_topic])
        for door in self.doors:
            self._context.report(door, ControllerRestored())

    def _disconnected(self, *_: Any) -> None:
        self._down.set()

    def _guarded(self, client: mqtt.Client, data: Any, message: mqtt.MQTTMessage) -> None:
        """Paho's thread ends with the first exception of a callback: connect anew instead."""
        try:
            self._message(client, data, message)
        except Exception as error:
            logging_setup.get("doors").exception("message failed", kind=type(error).__name__)
            self._reason = "a fault in the box"
            self._down.set()

    def _message(self, client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        """From the library's thread, which an exception would end."""
        door = self._of_topic.get(message.topic)
        mid, qos = message.mid, message.qos
        if door is None:
            client.ack(mid, qos)
            return
        time_ns: int | None = None
        what: DoorSignal
        try:
            what, time_ns = self._heard(door, message)
        except DoorRefused as error:
            what = Refused(str(error))
        except Exception as error:  # a message that we misjudge must not leave the door unwatched
            logging_setup.get("doors").exception("a door's message was not read", door=door, kind=type(error).__name__)
            what = Refused("a fault in the box")
        else:
            if not isinstance(what, ControllerLost | ControllerRestored | Stale):
                self._context.report(door, ControllerRestored(), time_ns)
        self._context.report(door, what, time_ns, lambda: _ack(client, mid, qos))

    def _heard(self, door: str, message: mqtt.MQTTMessage) -> tuple[DoorSignal, int | None]:
        """What a message says, and when it happened by the controller's own time.

        Raises:
            DoorRefused: It is not such a message.
        """
        waited = self._backlog.waited(self._context.clock.monotonic_ns())
        if message.retain:
            return Stale(), None
        payload = bytes(message.payload)
        what, time_ns = self._read(door, payload)
        if not isinstance(what, CredentialPresented | RequestToExit | Forced | Held):
            return what, time_ns  # it says how the door stands: saying so again changes nothing
        known = self._repetitions.known(message.topic, payload)
        if known and (message.dup or time_ns is not None):
            return Stale(), None  # without a time of its own, the same words again may well be another event
        if isinstance(what, CredentialPresented):
            before = time_ns is not None and time_ns < self._began_ns  # it may have been heard before the restart
            what = dataclasses.replace(what, fresh=not (waited or message.dup or before))
        return what, time_ns

    def _read(self, door: str, payload: bytes) -> tuple[DoorSignal, int | None]:
        settings = self._settings[door]
        try:
            if len(payload) > MAX_BODY_BYTES:
                raise ValueError
            message = decode_any(payload)
        except (ValueError, ContractError) as error:
            raise DoorRefused("not JSON, or too long") from error
        word = settings.words.get(str(field(message, settings.event_field)))
        if word is None:
            raise DoorRefused(f"{settings.event_field} is none of the words in the settings")
        credential, reason = (field(message, path) for path in (settings.credential_field, settings.reason_field))
        if len(str(credential)) > MAX_CREDENTIAL:
            raise DoorRefused(f"{settings.credential_field} is too long")
        text = "" if credential is None else str(credential)
        return meaning(word, text, "" if reason is None else str(reason)), self._time(settings, message)

    def _time(self, settings: MqttDoor, message: Any) -> int | None:
        value = field(message, settings.time_field)
        if value is None:
            return None
        try:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            time_ns = round(value * SECOND_NS) if is_number else from_rfc3339(str(value))
        except (ContractError, OverflowError, ValueError) as error:
            raise DoorRefused(f"{settings.time_field} is neither RFC 3339 in UTC nor seconds") from error
        ahead_s = (time_ns - self._context.clock.wall_ns()) / SECOND_NS
        if ahead_s > settings.skew_s or time_ns < 0:
            raise DoorRefused(f"the controller's clock is off by {ahead_s:.0f} s")
        return time_ns


def client_id(box: str, first: MqttDoor) -> str:
    """The name of this box's session at a broker: 23 characters, which every broker takes (MQTT 3.1.1, 3.1.3.1).

    It stays the same when doors are added, so that the broker keeps one session, and differs between boxes and
    between the accounts of one box.
    """
    identity = (box, first.host, str(first.port), first.username, first.password_file, str(first.tls), first.ca_file)
    return "paifang" + hashlib.blake2b("\0".join(identity).encode(), digest_size=8).hexdigest()


def _ack(client: mqtt.Client, mid: int, qos: int) -> None:
    client.ack(mid, qos)


def mqtt_buses(doors: Sequence[DoorSettings], context: AdapterContext) -> list[MqttBus]:
    """One for each broker and account."""
    places: dict[Place, list[DoorSettings]] = {}
    for door in doors:
        settings = door.control
        assert isinstance(settings, MqttDoor)
        place = (
            settings.host,
            settings.port,
            settings.username,
            settings.password_file,
            settings.tls,
            settings.ca_file,
        )
        places.setdefault(place, []).append(door)
    return [MqttBus(theirs, context) for theirs in places.values()]
