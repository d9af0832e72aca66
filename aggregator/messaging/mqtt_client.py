"""The aggregator's end of the MQTT connection, driven by hand from one thread.

paho's own threads and callbacks are not used: publishing from its callbacks deadlocks, and a second Python thread
costs more (the interpreter lock) than it saves. Callbacks only queue results for the driver.
"""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from aggregator.domain.feeds.mqtt_output import MOST_IN_FLIGHT
from common import logging_setup
from common.errors import BrokerError, BrokerRefused
from common.running.readiness import wait_readable
from common.secret import Secret
from protocol import topics

CONNECT_TIMEOUT_S = 5.0
KEEPALIVE_S = 30
SUBSCRIPTIONS = ((topics.ALL_EVENTS, 1), (topics.ALL_STATUS, 1), (topics.ALL_REPLIES, 1))


class InboundMessage(NamedTuple):
    """A message as it came. `mid` is what the broker wants acknowledged (QoS 1)."""

    topic: str
    payload: bytes
    mid: int = 0
    qos: int = 1


class BrokerLink(Protocol):
    """A subscribed connection to the broker. A fake stands in `tests/aggregator`."""

    def fileno(self) -> int:
        """Readable when messages may have come."""

    def collect(self, limit: int) -> list[InboundMessage]:
        """What has arrived, at most `limit` messages, without waiting.

        Raises:
            BrokerError: The connection is gone.
        """

    @property
    def backlogged(self) -> bool:
        """Whether something could not be sent yet."""

    def acknowledge(self, messages: Sequence[InboundMessage]) -> None:
        """Tell the broker that it may forget these."""

    def publish(self, topic: str, payload: bytes, *, retain: bool = True) -> None:
        """Publish a message, QoS 1."""

    def close(self) -> None:
        """Say good-bye; never raises."""


@dataclass(frozen=True)
class BrokerEndpoint:
    """Where the broker is and who we are."""

    host: str
    port: int
    client_id: str
    username: str | None = None
    password: Secret | None = None
    tls: ssl.SSLContext | None = None


@dataclass
class _ConnectionState:
    """What paho's callbacks have put down."""

    messages: list[InboundMessage] = field(default_factory=list)
    connected: ReasonCode | None = None
    subscribed: list[ReasonCode] | None = None
    lost: bool = False


class MqttClient:
    """A persistent MQTT 3.1.1 session with manual acknowledgement; made by `open`."""

    def __init__(self, client: mqtt.Client, state: _ConnectionState) -> None:
        self._client = client
        self._state = state

    @classmethod
    def open(cls, target: BrokerEndpoint, timeout_s: float = CONNECT_TIMEOUT_S) -> MqttClient:
        """Connect, be accepted, and subscribe; only then is there a link.

        Raises:
            BrokerRefused: The broker answered no: user, password or topic.
            BrokerError: There is no broker, or it does not answer in time.
        """
        link = cls.log_in(target, timeout_s)
        client, state = link._client, link._state
        with link._closed_on_error(target):
            client.subscribe(list(SUBSCRIPTIONS))
            link._wait_for("subscription", lambda: state.subscribed is not None, timeout_s)
            if any(code.is_failure for code in state.subscribed or []):
                raise BrokerRefused(f"{target.host}:{target.port} refused the subscription")
        return link

    @classmethod
    def log_in(
        cls,
        target: BrokerEndpoint,
        timeout_s: float = CONNECT_TIMEOUT_S,
        *,
        clean: bool = False,
        keepalive_s: int = KEEPALIVE_S,
    ) -> Self:
        """Connect and be accepted, without a subscription.

        Raises:
            BrokerRefused: The broker answered no: user or password.
            BrokerError: There is no broker, or it does not answer in time.
        """
        state = _ConnectionState()
        client = _client(target, state, timeout_s, clean=clean)
        link = cls(client, state)
        with link._closed_on_error(target):
            client.connect(target.host, target.port, keepalive=keepalive_s)
            link._wait_for("log-in", lambda: state.connected is not None, timeout_s)
            if state.connected is not None and state.connected.is_failure:
                raise BrokerRefused(f"{target.host}:{target.port} refused the log-in: {state.connected}")
        return link

    @contextlib.contextmanager
    def _closed_on_error(self, target: BrokerEndpoint) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            self.close()
            raise BrokerError(f"{target.host}:{target.port}: {error}") from error
        except BrokerError:
            self.close()
            raise

    @classmethod
    def forget(cls, target: BrokerEndpoint, timeout_s: float = CONNECT_TIMEOUT_S) -> None:
        """End a persistent session, or else the broker keeps messages for it for ever; failing is only logged."""
        try:
            cls.log_in(target, timeout_s, clean=True).close()
        except BrokerError as error:
            logging_setup.get("link").warning("old session not ended", client_id=target.client_id, problem=str(error))

    def fileno(self) -> int:
        """The socket's descriptor.

        Raises:
            BrokerError: The connection is gone.
        """
        socket = self._client.socket()
        if socket is None or self._state.lost:
            raise BrokerError("connection lost")
        return socket.fileno()

    def collect(self, limit: int) -> list[InboundMessage]:
        """What has arrived, at most `limit` messages, without waiting.

        Raises:
            BrokerError: The connection is gone.
        """
        state, read = self._state, self._client.loop_read
        while len(state.messages) < limit:
            before = len(state.messages)
            if read() != MQTTErrorCode.MQTT_ERR_SUCCESS or state.lost:
                raise BrokerError("connection lost")
            if len(state.messages) == before and not self._buffered():
                break
        if self._client.want_write():
            self._client.loop_write()
        if self._client.loop_misc() != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BrokerError("connection lost: the broker does not answer pings")
        taken, state.messages = state.messages, []
        return taken

    @property
    def backlogged(self) -> bool:
        """Whether something could not be sent yet."""
        return self._client.want_write()

    def acknowledge(self, messages: Sequence[InboundMessage]) -> None:
        """Tell the broker that it may forget these."""
        for message in messages:
            self._client.ack(message.mid, message.qos)

    def publish(self, topic: str, payload: bytes, *, retain: bool = True) -> None:
        """Publish a message, QoS 1."""
        self._client.publish(topic, payload, qos=1, retain=retain)

    def close(self) -> None:
        """Say good-bye; the session stays at the broker."""
        with contextlib.suppress(OSError, ValueError):
            self._client.disconnect()

    def _buffered(self) -> bool:
        """Whether TLS holds decrypted bytes, which `wait_readable` does not see."""
        socket = self._client.socket()
        return isinstance(socket, ssl.SSLSocket) and socket.pending() > 0

    def _wait_for(self, what: str, done: _Condition, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not done():
            left_s = deadline - time.monotonic()
            socket = self._client.socket()
            if left_s <= 0:
                raise BrokerError(f"no answer to the {what} within {timeout_s:g} s")
            if socket is None:
                raise BrokerError(f"connection closed during the {what}")
            wait_readable(left_s, socket)
            if self._client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS and not done():
                raise BrokerError(f"connection closed during the {what}")


class _Condition(Protocol):
    def __call__(self) -> bool: ...


def _client(target: BrokerEndpoint, state: _ConnectionState, timeout_s: float, *, clean: bool = False) -> mqtt.Client:
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=target.client_id,
        clean_session=clean,
        protocol=mqtt.MQTTv311,
        manual_ack=True,
        reconnect_on_failure=False,
    )
    client.connect_timeout = timeout_s
    client.max_inflight_messages_set(MOST_IN_FLIGHT)
    if target.username is not None:
        client.username_pw_set(target.username, target.password.reveal() if target.password else None)
    if target.tls is not None:
        client.tls_set_context(target.tls)

    def on_connect(_c: object, _u: object, _f: object, code: ReasonCode, _p: object) -> None:
        state.connected = code

    def on_subscribe(_c: object, _u: object, _mid: int, codes: list[ReasonCode], _p: object) -> None:
        state.subscribed = codes

    def on_disconnect(*_: object) -> None:
        state.lost = True

    def on_message(_c: object, _u: object, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        state.messages.append(InboundMessage(topic, bytes(message.payload), message.mid, message.qos))

    client.on_connect, client.on_subscribe = on_connect, on_subscribe
    client.on_disconnect, client.on_message = on_disconnect, on_message
    return client
