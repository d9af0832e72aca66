"""MQTT out: a consumer's feed as messages at the broker, in a tree of topics of its own. Pure.

`paifang/feed/v1/CONSUMER/SITE/events/PLACE/KIND` and `…/alerts/PLACE/KIND`, where the dot of a kind is a level:
`…/village/events/main-door/door/forced`. `…/SITE/devices/…` and `…/SITE/state/…` are retained
(`aggregator.domain.feeds.home_assistant`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import msgspec

from aggregator.domain.feeds.feed_entry import FeedEntry
from common.clock import SECOND_NS
from common.running.backoff import exponential_s
from common.secret import Secret

HomeAssistant = Literal["off", "on", "ending"]
"""`ending`: what was published for it is to be taken back."""
ROOT = "paifang/feed/v1"
MOST_OUTPUTS = 50
MOST_IN_FLIGHT = 200
"""Messages that are published before all of them are acknowledged; a crash repeats at most these."""
MOST_KEPT_DAYS = 3
"""How long the embedded broker keeps what a consumer has not fetched; never longer than `retention.feed`."""
FIRST_S, LONGEST_S = 2.0, 60.0
"""Pauses between attempts."""
_MOST_PROBLEM = 300


class MqttMessage(NamedTuple):
    """A message to the broker, QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False


class MqttOutput(msgspec.Struct, frozen=True, kw_only=True):
    """A consumer's output at the broker. Times are UTC nanoseconds.

    Attributes:
        consumer: Its id; also the user name at the broker.
        password_serial: Rises with each new password, which is derived from it.
        home_assistant: Whether discovery messages and states for Home Assistant are published.
        position: Entries of the feed up to here were acknowledged by the broker.
        next_ns: No attempt before this.
        failures: Failed attempts since the last message that was acknowledged.
        delivered_ns: When the broker last acknowledged a message.
        version: Rises with each change.
    """

    consumer: str
    password_serial: int = 1
    home_assistant: HomeAssistant = "off"
    position: int
    next_ns: int = 0
    failures: int = 0
    problem: str = ""
    made_by: str
    made_ns: int
    delivered_ns: int = 0
    version: int = 1


@dataclass(frozen=True)
class FeedAccount:
    """What the embedded broker holds for an output: an account of its own, with a store of its own.

    Attributes:
        password: The consumer's; None: the consumer is refused now, and what waits for it is kept.
        publisher_password: The aggregator's own.
    """

    consumer: str
    password: Secret | None
    publisher_password: Secret

    @property
    def publisher(self) -> str:
        """The user name with which the aggregator publishes."""
        return publisher_name(self.consumer)


def publisher_name(consumer: str) -> str:
    """The user name with which the aggregator publishes for a consumer."""
    return f"publisher-{consumer}"


def tree(consumer: str) -> str:
    """What all topics of a consumer begin with.

    >>> tree("019c-x")
    'paifang/feed/v1/019c-x'
    """
    return f"{ROOT}/{consumer}"


def topic_of(consumer: str, entry: FeedEntry) -> str:
    """The topic of an entry."""
    return f"{tree(consumer)}/{entry.site}/{entry.content}/{entry.place}/{entry.kind.replace('.', '/')}"


def delivered(it: MqttOutput, position: int, now_ns: int) -> MqttOutput:
    """An output whose entries up to a position were acknowledged by the broker."""
    after = passed(it, position)
    return msgspec.structs.replace(after, next_ns=0, failures=0, problem="", delivered_ns=now_ns)


def passed(it: MqttOutput, position: int, problem: str = "") -> MqttOutput:
    """An output that has passed entries that are not for its consumer, or are lost."""
    return msgspec.structs.replace(it, position=position, problem=problem, version=it.version + 1)


def failed(it: MqttOutput, problem: str, now_ns: int) -> MqttOutput:
    """An output whose messages were not acknowledged; they are published again, under the same ids."""
    pause_s = exponential_s(FIRST_S, LONGEST_S, it.failures)
    after = waiting(it, now_ns + round(pause_s * SECOND_NS), problem)
    return msgspec.structs.replace(after, failures=it.failures + 1)


def waiting(it: MqttOutput, until_ns: int, problem: str) -> MqttOutput:
    """An output that makes no attempt before a time."""
    return msgspec.structs.replace(it, next_ns=until_ns, problem=problem[:_MOST_PROBLEM], version=it.version + 1)


def renewed(it: MqttOutput) -> MqttOutput:
    """An output with a new password; the one before ends at once."""
    return msgspec.structs.replace(it, password_serial=it.password_serial + 1, version=it.version + 1)


def with_home_assistant(it: MqttOutput, state: HomeAssistant) -> MqttOutput:
    """An output with or without messages for Home Assistant."""
    return msgspec.structs.replace(it, home_assistant=state, version=it.version + 1)
