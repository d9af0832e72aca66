"""Messages to boxes: lists, which the broker retains, and commands, which boxes answer."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from aggregator.messaging.mqtt_client import BrokerLink
from common import logging_setup
from protocol.commands import Reply
from protocol.topics import BoxTopics

_log = logging_setup.get("posts")


@dataclass(frozen=True)
class ReplyReceived:
    """A reply to a command, and the box on whose topic it came."""

    site: str
    box: str
    reply: Reply


class OutboundQueue:
    """Messages to boxes that the link's thread sends: put down from any thread, lost only while there is no broker.

    Args:
        wake: Wakes the link's thread.
        retained: What is retained, for a broker that may have lost it.
    """

    def __init__(self, wake: Callable[[], None], retained: Callable[[], list[tuple[str, bytes]]] = list) -> None:
        self._wake, self._retained = wake, retained
        self._waiting: deque[tuple[str, bytes, bool]] = deque(maxlen=1000)
        self._lock = threading.Lock()
        self._answers: dict[tuple[str, str, str], Callable[[Reply], None]] = {}

    def put(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Have a message sent."""
        with self._lock:
            self._waiting.append((topic, payload, retain))
        self._wake()

    def restore(self) -> None:
        """A new connection: everything that is retained goes out again."""
        retained = [(topic, payload, True) for topic, payload in self._retained()]
        with self._lock:
            others = [message for message in self._waiting if not message[2]]
            self._waiting.clear()
            self._waiting.extend([*others, *retained])

    def send(self, link: BrokerLink) -> None:
        """Send what waits."""
        with self._lock:
            posts = list(self._waiting)
            self._waiting.clear()
        for topic, payload, retain in posts:
            link.publish(topic, payload, retain=retain)

    def expect(self, topics: BoxTopics, request: str, answer: Callable[[Reply], None] | None) -> None:
        """Call `answer` with a box's reply to a command; None: stop waiting."""
        key = topics.site, topics.box, request
        if answer is None:
            self._answers.pop(key, None)
        else:
            self._answers[key] = answer

    def answered(self, replies: list[ReplyReceived]) -> None:
        """Replies have come; one of another box than the command went to is no answer to it."""
        for it in replies:
            answer = self._answers.pop((it.site, it.box, it.reply.id), None)
            if answer is None:
                continue
            try:
                answer(it.reply)
            except Exception:  # who asked is gone
                _log.exception("reply not delivered")
