"""Fakes beside the aggregator's protocols."""

from __future__ import annotations

import os
from collections.abc import Sequence

from aggregator.messaging.mqtt_client import InboundMessage
from common.errors import BrokerError
from protocol.envelope import Event, encode
from protocol.topics import BoxTopics


def received(*events: Event) -> list[InboundMessage]:
    """Events as the messages that they come in."""
    return [InboundMessage(BoxTopics(it.site, it.box).events, encode(it), it.sequence) for it in events]


class FakeLink:
    """A link that hands out batches, remembers what was acknowledged and published, and then breaks (`Link`)."""

    def __init__(self, batches: list[list[InboundMessage]]) -> None:
        self._batches = list(batches)
        self.acknowledged: list[InboundMessage] = []
        self.published: list[tuple[str, bytes]] = []
        self.closed = False
        self._file = os.eventfd(1)

    @property
    def backlogged(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._file

    def collect(self, limit: int) -> list[InboundMessage]:
        if not self._batches:
            raise BrokerError("the fake has ended")
        return self._batches.pop(0)[:limit]

    def acknowledge(self, messages: Sequence[InboundMessage]) -> None:
        self.acknowledged += messages

    def publish(self, topic: str, payload: bytes, *, retain: bool = True) -> None:
        self.published.append((topic, payload))

    def close(self) -> None:
        self.closed = True
        os.close(self._file)
