"""A consumer of everything that leaves a village: its feed, a webhook, its topics at the broker."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx2
from mqtt_kit import FeedClient, can_log_in, feed_client
from person_kit import person
from receivers import FeedReceiver, feed_receiver
from village_kit import Village, wait_until

from aggregator.domain.feeds.mqtt_output import tree
from common.clock import DAY_NS, SystemClock
from protocol.identifiers import to_rfc3339

WAYS = ("the feed", "the webhook", "MQTT of the consumer")


@dataclass
class FeedConsumer:
    """What has come to it."""

    client: httpx2.Client
    cursor: str
    receiver: FeedReceiver
    mqtt: FeedClient

    def got(self, kind: str) -> bool:
        """Whether an event of this kind has come each way."""
        sent, name = "".join(str(it) for it in self.receiver.events()), kind.replace(".", "/")
        return kind in sent and any(topic.endswith(name) for topic, _, _ in self.mqtt.got)

    def found(self) -> dict[str, bytes]:
        """Way → every byte that came."""
        answer = self.client.get("/api/feed", params={"after": self.cursor, "limit": 500})
        assert answer.json()["events"], answer.text
        hooks = [body + str(headers).encode() for headers, body in self.receiver.messages]
        topics = [topic.encode() + b" " + payload for topic, payload, _ in self.mqtt.got]
        return dict(zip(WAYS, (answer.content, b"\n".join(hooks), b"\n".join(topics)), strict=True))


@contextlib.contextmanager
def feed_consumer(village: Village) -> Iterator[FeedConsumer]:
    """Requested and approved by two administrators of a running aggregator; with everything that can be approved."""
    ends = to_rfc3339(SystemClock().wall_ns() + DAY_NS)
    wanted = {
        "name": "platform", "contact": "duty@district.example", "purpose": "dispatching patrols to alerts",
        "basis": "agreement 2026-14", "places": ["*"], "media": ["pictures", "clips", "live"], "ends": ends,
    }  # fmt: skip
    with contextlib.ExitStack() as stack:
        one, other = (stack.enter_context(person(village, name, "admin")) for name in ("one", "another"))
        receiver = stack.enter_context(feed_receiver())
        path = f"/api/consumers/{_done(one, '/api/consumers', wanted)['id']}"
        _done(other, f"{path}/decide", {"action": "approved"})
        bearer = {"Authorization": f"Bearer {_done(one, f'{path}/token', {})['token']}"}
        _done(one, f"{path}/webhooks", {"url": receiver.url})
        account = _done(one, f"{path}/mqtt", {"home_assistant": True})
        wait_until(lambda: can_log_in(village.broker, account), 20, "the account at the broker")
        mqtt = stack.enter_context(feed_client(village.broker, account))
        mqtt.subscribe(f"{tree(path.rpartition('/')[2])}/#")
        reader = stack.enter_context(httpx2.Client(base_url=village.url, headers=bearer, timeout=60.0))
        yield FeedConsumer(reader, reader.get("/api/feed").json()["next"], receiver, mqtt)


def _done(client: httpx2.Client, path: str, body: Mapping[str, object]) -> dict[str, str]:
    answer = client.post(path, json=body)
    assert answer.is_success, answer.text
    found: dict[str, str] = answer.json()
    return found
