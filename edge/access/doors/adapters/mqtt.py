"""Controllers that publish JSON; the settings name the fields and map their values.

The session is persistent and a message is acknowledged only when its events are on disk, so the broker redelivers after
a power cut. A message that is delivered late produces events but unlocks nothing; retained and repeated messages are
counted and dropped.
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

ConnectionKey = tuple[str, int, str, str, bool, str]


class MqttBus:
    """One connection to a broker.

    Args:
        doors: Settings of its doors; they share one broker.
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
        client, first = self._create_client(), self._first
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
        """Publish the door's unlock message."""
        settings, client = self._settings[door], self._client
        if not settings.unlock_topic:
            raise DoorRefused(f"door '{door}' cannot be unlocked: it has no unlock_topic", sentence="door.report_only")
        if client is None or not client.is_connected():
            raise DoorLost(f"door '{door}' cannot be unlocked: not connected to the broker", sentence="broker")
        client.publish(settings.unlock_topic, settings.unlock_payload, qos=1)

    def outputs(self, door: str) -> Outputs:
        """It has none."""
        raise DoorRefused(f"door '{door}' has no outputs: by MQTT a door is only unlocked")

    def _create_client(self) -> mqtt.Client:
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
        client.on_message = self._on_message
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

    def _on_message(self, client: mqtt.Client, data: Any, message: mqtt.MQTTMessage) -> None:
        """Paho's thread ends at the first exception of a callback: reconnect instead."""
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
            what, time_ns = self._decode(door, message)
        except DoorRefused as error:
            what = Refused(str(error))
        except Exception as error:  # an internal error must not leave the door unmonitored
            logging_setup.get("doors").exception("door message failed", door=door, kind=type(error).__name__)
            what = Refused("a fault in the box")
        else:
            if not isinstance(what, ControllerLost | ControllerRestored | Stale):
                self._context.report(door, ControllerRestored(), time_ns)
        self._context.report(door, what, time_ns, lambda: _ack(client, mid, qos))

    def _decode(self, door: str, message: mqtt.MQTTMessage) -> tuple[DoorSignal, int | None]:
        """The signal of a message, and the controller's own time of it.

        Raises:
            DoorRefused: The message is invalid.
        """
        waited = self._backlog.waited(self._context.clock.monotonic_ns())
        if message.retain:
            return Stale(), None
        payload = bytes(message.payload)
        what, time_ns = self._parse(door, payload)
        if not isinstance(what, CredentialPresented | RequestToExit | Forced | Held):
            return what, time_ns  # a state report: repeating it changes nothing
        known = self._repetitions.known(message.topic, payload)
        if known and (message.dup or time_ns is not None):
            return Stale(), None  # without its own time, an equal message may be another event
        if isinstance(what, CredentialPresented):
            before = time_ns is not None and time_ns < self._began_ns  # it may have been processed before the restart
            what = dataclasses.replace(what, fresh=not (waited or message.dup or before))
        return what, time_ns

    def _parse(self, door: str, payload: bytes) -> tuple[DoorSignal, int | None]:
        settings = self._settings[door]
        try:
            if len(payload) > MAX_BODY_BYTES:
                raise ValueError
            message = decode_any(payload)
        except (ValueError, ContractError) as error:
            raise DoorRefused("not JSON, or too long") from error
        meaning_name = settings.words.get(str(field(message, settings.event_field)))
        if meaning_name is None:
            raise DoorRefused(f"{settings.event_field} has a value that the settings do not list")
        credential, reason = (field(message, path) for path in (settings.credential_field, settings.reason_field))
        if len(str(credential)) > MAX_CREDENTIAL:
            raise DoorRefused(f"{settings.credential_field} is too long")
        text = "" if credential is None else str(credential)
        return meaning(meaning_name, text, "" if reason is None else str(reason)), self._time(settings, message)

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
    """One connection for each broker and account."""
    groups: dict[ConnectionKey, list[DoorSettings]] = {}
    for door in doors:
        settings = door.control
        assert isinstance(settings, MqttDoor)
        key = (
            settings.host,
            settings.port,
            settings.username,
            settings.password_file,
            settings.tls,
            settings.ca_file,
        )
        groups.setdefault(key, []).append(door)
    return [MqttBus(group_doors, context) for group_doors in groups.values()]
