"""The connection to an MQTT broker: a small protocol, the real one by paho, and a fake for unit tests.

paho keeps its own queue in memory only, so `publish` is refused while the connection is down: the outbox waits.
A connection counts only once the broker has accepted it; one that it refuses is reported as refused, never as
connected (a trap that the field knows well).
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from common import logging_setup, text_file
from common.errors import BrokerError, BrokerRefused, SettingsError
from common.running.backoff import Backoff
from edge.settings.node import BrokerSettings

KEEPALIVE_S = 20


class BrokerLink(Protocol):
    """What the publisher needs of a broker. Callbacks come from the link's own thread and must not publish."""

    @property
    def connected(self) -> bool:
        """Whether the connection is established."""

    def subscribe(self, topic: str, listener: Callable[[bytes], None]) -> None:
        """Give every message of `topic` to `listener`, after each connection anew."""

    def on_state(self, listener: Callable[[bool], None]) -> None:
        """Call `listener` when the connection is established or lost."""

    def on_puback(self, listener: Callable[[int], None]) -> None:
        """Tell `listener` the message ids that the broker has acknowledged."""

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """Hand a message over with QoS 1 and return its message id.

        Raises:
            BrokerError: Not connected.
        """


class MqttClient:
    """The real one.

    Args:
        settings: Where the broker is and who we are.
        base: Folder that the settings' file names are relative to.
        client_id: Stable, so that the broker knows us again.
        will: Topic and retained payload that the broker publishes when we vanish.
        backoff: Delays between tries.

    Raises:
        SettingsError: A file of the settings cannot be used.
    """

    def __init__(
        self, settings: BrokerSettings, base: Path, client_id: str, will: tuple[str, bytes], backoff: Backoff
    ) -> None:
        self._settings, self._backoff = settings, backoff
        self._log = logging_setup.get("link")
        self._listeners: dict[str, Callable[[bytes], None]] = {}
        self._states: list[Callable[[bool], None]] = []
        self._pubacks: list[Callable[[int], None]] = []
        self._connected = False
        self.refused: BrokerRefused | None = None
        self.connects = self.failures = self.restarts = self.retained = 0
        self._started, self._thread_name = False, f"paho-mqtt-client-{client_id}"
        self._client = self._make(client_id, will)
        _secure(self._client, settings, base)

    def _make(self, client_id: str, will: tuple[str, bytes]) -> mqtt.Client:
        version = mqtt.MQTTv5 if self._settings.protocol == "5" else mqtt.MQTTv311
        clean = None if self._settings.protocol == "5" else True
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, protocol=version, clean_session=clean)
        client.max_inflight_messages_set(0)
        client.max_queued_messages_set(0)
        client.will_set(will[0], will[1], qos=1, retain=True)
        guarded = self._guarded
        client.on_connect, client.on_disconnect = guarded(self._on_connect), guarded(self._on_disconnect)
        client.on_message, client.on_publish = guarded(self._on_message), guarded(self._on_publish)
        client.on_subscribe = guarded(self._on_subscribe)
        client.on_connect_fail = guarded(lambda *_: self._increase_backoff())
        return client

    @property
    def connected(self) -> bool:
        """Whether the connection is established."""
        return self._connected

    def subscribe(self, topic: str, listener: Callable[[bytes], None]) -> None:
        """Give every message of `topic` to `listener`."""
        self._listeners[topic] = listener

    def on_state(self, listener: Callable[[bool], None]) -> None:
        """Call `listener` when the connection is established or lost."""
        self._states.append(listener)

    def on_puback(self, listener: Callable[[int], None]) -> None:
        """Tell `listener` the message ids that the broker has acknowledged."""
        self._pubacks.append(listener)

    def start(self) -> None:
        """Connect and stay connected, in a thread of paho's."""
        self._increase_backoff()
        self._begin()
        self._started = True

    def _begin(self) -> None:
        self._client.connect_async(self._settings.host, self._settings.port, keepalive=KEEPALIVE_S)
        self._client.loop_start()

    def restart_if_stopped(self) -> None:
        """Start paho's thread again if it has ended; to be called now and then."""
        if self._started and not any(it.name == self._thread_name for it in threading.enumerate()):
            self.restarts += 1
            self._log.error("broker connection ended, starting again")
            self._set(False)
            self._client.loop_stop()
            self._begin()

    def _guarded(self, callback: Callable[..., None]) -> Callable[..., None]:
        """Catch exceptions of callbacks: Paho's thread would end silently."""

        def call(*arguments: Any) -> None:
            try:
                callback(*arguments)
            except Exception:
                self.failures += 1
                self._log.exception("broker message failed")

        return call

    def stop(self, topic: str, payload: bytes) -> None:
        """Leave a last retained message (a clean end publishes no will), disconnect and end the thread."""
        if self._connected:
            with contextlib.suppress(BrokerError, ValueError, RuntimeError):
                self._client.publish(topic, payload, qos=1, retain=True).wait_for_publish(2.0)
        self._started = False
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """Hand a message over with QoS 1 and return its message id."""
        if not self._connected:
            raise BrokerError("not connected")
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        if info.rc != mqtt.MQTT_ERR_SUCCESS:
            raise BrokerError(mqtt.error_string(info.rc))
        return info.mid

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, reason: ReasonCode, _p: Any) -> None:
        if reason.is_failure:
            self.refused = BrokerRefused(f"{self._settings.host}:{self._settings.port} refused us: {reason}")
            self._log.error("broker refused", reason=str(reason))
            self._increase_backoff()
            return
        self.refused = None
        self.connects += 1
        self._backoff.reset()
        for topic in sorted(set(map(_filter, self._listeners))):
            client.subscribe(topic, qos=1)
        self._set(True)

    def _on_disconnect(
        self, _client: mqtt.Client, _data: Any, _flags: Any, reason: ReasonCode, _p: Properties | None
    ) -> None:
        if self._connected:
            self._log.warning("broker connection lost", reason=str(reason))
        self._increase_backoff()
        self._set(False)

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        listener = self._listeners.get(message.topic)
        if message.retain and _is_command(message.topic):  # retained: it would run again at each connection
            self.retained += 1
            self._log.warning("command refused", topic=message.topic, error="a command must not be retained")
            return
        if listener is not None:
            listener(bytes(message.payload))

    def _on_subscribe(
        self, _client: mqtt.Client, _data: Any, _mid: int, reasons: list[ReasonCode], _p: Properties | None
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._log.error("the broker refused a subscription: lists or commands will not arrive")

    def _on_publish(self, _client: mqtt.Client, _data: Any, mid: int, *_rest: Any) -> None:
        for listener in self._pubacks:
            listener(mid)

    def _set(self, connected: bool) -> None:
        self._connected = connected
        for listener in self._states:
            self._guarded(listener)(connected)

    def _increase_backoff(self) -> None:
        """Set paho's next delay: it knows exponential delays, but no jitter."""
        delay = max(1, round(self._backoff.next_s()))
        self._client.reconnect_delay_set(delay, delay)


class FakeBrokerLink:
    """An in-memory broker for unit tests: it acknowledges on request."""

    def __init__(self) -> None:
        self.connected = True
        self.published: list[tuple[str, bytes]] = []
        self._state: list[Callable[[bool], None]] = []
        self._puback: list[Callable[[int], None]] = []
        self._topics: dict[str, Callable[[bytes], None]] = {}

    def subscribe(self, topic: str, listener: Callable[[bytes], None]) -> None:
        """Remember the listener."""
        self._topics[topic] = listener

    def on_state(self, listener: Callable[[bool], None]) -> None:
        """Remember the listener."""
        self._state.append(listener)

    def on_puback(self, listener: Callable[[int], None]) -> None:
        """Remember the listener."""
        self._puback.append(listener)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:  # noqa: ARG002
        """Keep the message."""
        if not self.connected:
            raise BrokerError("not connected")
        self.published.append((topic, payload))
        return len(self.published)

    def acknowledge(self, mid: int) -> None:
        """As the broker does."""
        for listener in self._puback:
            listener(mid)

    def deliver(self, topic: str, payload: bytes) -> None:
        """A message arrives."""
        self._topics[topic](payload)

    def switch(self, connected: bool) -> None:
        """Establish or end the connection."""
        self.connected = connected
        for listener in self._state:
            listener(connected)


def _is_command(topic: str) -> bool:
    """Whether a topic is one that commands come on.

    >>> _is_command("paifang/v1/village/gate-1/commands/open-gate")
    True
    """
    return _filter(topic) != topic


def _filter(topic: str) -> str:
    """One subscription for all commands: nats-server bounds what the subscriptions of a session add up to.

    >>> _filter("paifang/v1/village/gate-1/commands/open-gate")
    'paifang/v1/village/gate-1/commands/+'
    """
    base, commands, name = topic.rpartition("/commands/")
    return f"{base}{commands}+" if commands and "/" not in name else topic


def _secure(client: mqtt.Client, settings: BrokerSettings, base: Path) -> None:
    try:
        if settings.username:
            password = text_file.read(base / settings.password_file).strip() if settings.password_file else None
            client.username_pw_set(settings.username, password)
        if settings.tls:
            context = ssl.create_default_context(cafile=str(base / settings.ca_file) if settings.ca_file else None)
            if settings.cert_file:
                context.load_cert_chain(base / settings.cert_file, base / settings.key_file)
            client.tls_set_context(context)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError("broker", "", f"cannot be used: {error}") from error
