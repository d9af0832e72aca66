"""A consumer's MQTT client, as an integrator writes it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode


class FeedClient:
    """Subscribes with QoS 1 in a session that outlives its connections.

    Attributes:
        answer: To the log-in; None before it came.
        granted: Filter → whether the broker took the subscription.
        got: (topic, payload, retained) of each message, in order.
        ended: Set when the connection has ended.
    """

    def __init__(self, port: int, username: str, password: str, session: str = "integrator") -> None:
        self.answer: ReasonCode | None = None
        self.granted: dict[str, bool] = {}
        self.got: list[tuple[str, bytes, bool]] = []
        self.published: list[int] = []
        self.ended, self._answered, self._subscribed = threading.Event(), threading.Event(), threading.Event()
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=session, clean_session=False, reconnect_on_failure=False
        )
        client.username_pw_set(username, password)
        client.on_connect, client.on_subscribe = self._connected, self._granted
        client.on_message = lambda _c, _u, it: self.got.append((it.topic, bytes(it.payload), it.retain))
        client.on_publish = lambda _c, _u, mid, *_: self.published.append(mid)
        client.on_disconnect = self._disconnected
        client.connect("127.0.0.1", port)
        client.loop_start()
        self._answered.wait(10)  # a broker that reads its accounts anew may end the connection without an answer
        self.client = client

    @property
    def accepted(self) -> bool:
        return self.answer is not None and not self.answer.is_failure

    def subscribe(self, *filters: str) -> dict[str, bool]:
        """Filter → whether it was granted."""
        for it in filters:
            self._subscribed.clear()
            self._asked = it
            self.client.subscribe(it, 1)
            assert self._subscribed.wait(10)
        return self.granted

    def events(self, part: str = "/events/") -> list[dict[str, Any]]:
        """CloudEvents objects of topics that contain this."""
        return [json.loads(payload) for topic, payload, _ in self.got if part in topic]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _connected(self, _c: object, _u: object, _f: object, code: ReasonCode, _p: object) -> None:
        self.answer = code
        self._answered.set()

    def _disconnected(self, *_: object) -> None:
        self.ended.set()
        self._answered.set()

    def _granted(self, _c: object, _u: object, _m: int, codes: list[ReasonCode], _p: object) -> None:
        self.granted[self._asked] = not any(it.is_failure for it in codes)
        self._subscribed.set()


@contextmanager
def feed_client(port: int, account: dict[str, str], session: str = "integrator") -> Iterator[FeedClient]:
    """A client with the account that was shown."""
    it = FeedClient(port, account["username"], account["password"], session)
    try:
        yield it
    finally:
        it.close()


def can_log_in(port: int, account: dict[str, str]) -> bool:
    """Whether the broker accepts the account now."""
    with feed_client(port, account, "probe") as it:
        return it.accepted
