"""Publishes a consumer's feed at the broker: a batch at a time, until all of it is acknowledged."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

import msgspec
from paho.mqtt.client import MQTTMessageInfo
from paho.mqtt.enums import MQTTErrorCode

from aggregator.domain.feeds.mqtt_output import MqttMessage
from aggregator.messaging.broker_config import KEEP_SUBJECT
from aggregator.messaging.mqtt_client import CONNECT_TIMEOUT_S, BrokerEndpoint, MqttClient
from common.clock import SECOND_NS
from common.errors import BrokerError
from common.running.readiness import wait_ready

ACKNOWLEDGED_WITHIN_S = 10.0


class FeedPublisher(Protocol):
    """Publishes a consumer's feed. A fake stands in the tests of the jobs."""

    def deliver(self, messages: Sequence[MqttMessage]) -> None:
        """Publish messages in their order and return when the broker has acknowledged all of them.

        Raises:
            BrokerError: It has not; any of them may have arrived.
        """

    def close(self) -> None:
        """Say good-bye; never raises."""


class FeedLink(MqttClient):
    """A session that ends with the connection, and subscribes to nothing. It is idle for long: without keep-alive.

    A connection that was lost meanwhile is noticed by the missing acknowledgement.
    """

    @classmethod
    def to(cls, target: BrokerEndpoint) -> FeedLink:
        """Connect.

        Raises:
            BrokerError: There is no broker, it refuses the log-in, or it does not answer in time.
        """
        return cls.log_in(target, CONNECT_TIMEOUT_S, clean=True, keepalive_s=0)

    def keep(self, longest_s: int) -> None:
        """Have nats-server erase what nobody has fetched for so long; it has no setting for that.

        The stream of an account's QoS 1 messages is updated by JetStream's API; what follows on this connection comes
        after it.
        """
        stream = {
            "name": KEEP_SUBJECT.rpartition(".")[2], "subjects": ["$MQTT.msgs.>"], "retention": "interest",
            "storage": "file", "num_replicas": 1, "discard": "old", "max_age": longest_s * SECOND_NS,
            "max_msgs": -1, "max_bytes": -1, "max_consumers": -1, "max_msgs_per_subject": -1, "max_msg_size": -1,
        }  # fmt: skip
        self._client.publish(KEEP_SUBJECT.replace(".", "/"), msgspec.json.encode(stream), qos=0)

    def deliver(self, messages: Sequence[MqttMessage]) -> None:
        """As `FeedPublisher.deliver`."""
        try:
            waiting = [self._client.publish(it.topic, it.payload, qos=1, retain=it.retain) for it in messages]
            self._drive(waiting, time.monotonic() + ACKNOWLEDGED_WITHIN_S)
        except (OSError, ValueError, RuntimeError) as error:
            raise BrokerError(f"connection lost: {error}") from error

    def _drive(self, waiting: list[MQTTMessageInfo], until_s: float) -> None:
        """Read and write until all is acknowledged; in order, so that the first one that is not is asked only."""
        waiting.reverse()
        while waiting:
            if waiting[-1].is_published():
                waiting.pop()
                continue
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                raise BrokerError(f"the broker has not acknowledged messages within {ACKNOWLEDGED_WITHIN_S:g} s")
            readable, writable = wait_ready(left_s, self, write=self._client.want_write())
            steps = [self._client.loop_read] * readable + [self._client.loop_write] * writable
            if any(step() != MQTTErrorCode.MQTT_ERR_SUCCESS for step in steps):
                raise BrokerError(
                    "the broker has closed the connection; a consumer that does not read may have filled its store"
                )
