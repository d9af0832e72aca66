"""Clips of alerts for consumers: the feed names the address, the answer has the hash, each access is logged."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Iterator

import pytest
from agg_support import Sender, Web, event, wait_until
from web.video_out.video_kit import Approved, approved, logged

from aggregator.domain import clip as clips
from common.clock import SystemClock
from protocol.envelope import Event
from protocol.event_types import DoorForced

SITE, BOX, FILM = "clipsite", "clip-box", b"a redacted film"
_NUMBERS = itertools.count(8_900_000)


@pytest.fixture(scope="module")
def sender(web: Web) -> Iterator[Sender]:
    made = Sender(web.broker_port, web.account, BOX, site=SITE)
    made.send(forced())
    made.wait()
    yield made
    made.close()


def forced() -> Event:
    """At a door of its own: it opens an alert."""
    number = next(_NUMBERS)
    door = f"door-{number}"
    now_ns = SystemClock().wall_ns()
    return event(number, DoorForced(door=door), time_ns=now_ns, place=door, box=BOX, site=SITE)


def alert_in_feed(sender: Sender, consumer: Approved) -> tuple[str, str]:
    """A new alert of the consumer's feed: its id, and the address of its clip."""
    start = consumer.client.get("/api/feed").json()["next"]
    sender.send(forced())
    page = consumer.client.get("/api/feed", params={"after": start, "wait": 20}).json()
    (entry,) = [it for it in page["events"] if it["type"] == "paifang.alert.changed.v1"]
    return entry["subject"], entry.get("clip", "")


def stored(web: Web, alert_id: str) -> None:
    """As the box has brought it."""
    path = web.parts.core.folder / f"film-{alert_id}"
    path.write_bytes(FILM)
    web.parts.files.objects.put(f"clip/{alert_id}", path)
    reader, queue = web.parts.core.reader, web.parts.core.queue
    digest = hashlib.sha256(FILM).hexdigest()

    def store() -> bool:
        kept = reader.clip(alert_id)
        assert kept is not None
        return queue.submit(lambda it: it.change_clip(kept, clips.mark_stored(kept, len(FILM), digest))).result(10)

    wait_until(store)


def test_a_clip_is_handed_over_with_its_hash_and_logged(web: Web, sender: Sender) -> None:
    consumer = approved(web, SITE, media=["clips"], contents=["alerts"])
    alert, address = alert_in_feed(sender, consumer)
    assert address == f"/api/feed/clips/{alert}"
    waiting = consumer.client.get(address)
    assert (waiting.status_code, "is being made" in waiting.json()["error"]) == (409, True)
    assert logged(web, consumer) == []
    stored(web, alert)
    got = consumer.client.get(address)
    assert (got.status_code, got.content) == (200, FILM)
    digest = base64.b64encode(hashlib.sha256(got.content).digest()).decode()
    assert got.headers["repr-digest"] == f"sha-256=:{digest}:"
    part = consumer.client.get(address, headers={"Range": "bytes=2-9"})
    assert (part.status_code, part.content) == (206, FILM[2:10])
    entries = logged(web, consumer)
    assert [(it.what, it.target) for it in entries] == [("clip", alert)] * 2
    assert entries[0].detail["clip"] == hashlib.sha256(FILM).hexdigest()


def test_only_consumers_with_clips_get_those_of_their_alerts(web: Web, sender: Sender) -> None:
    consumer = approved(web, SITE, media=["clips"], contents=["alerts"])
    alert, address = alert_in_feed(sender, consumer)
    stored(web, alert)
    others = [
        approved(web, "village", media=["clips"]), approved(web, SITE, media=["pictures", "live"]),
        approved(web, SITE, media=["clips"], contents=["events"]),
        approved(web, SITE, media=["clips"], severities=["low"]),
        approved(web, SITE, media=["clips"], kinds=["door.held"]), approved(web, SITE, media=["clips"]),
    ]  # fmt: skip
    assert [it.client.get(address).status_code for it in others] == [404] * 6, "the last one is approved later"
    assert all(logged(web, it) == [] for it in others)
    assert consumer.client.get("/api/feed/clips/x").status_code == 404
    with_pictures = approved(web, SITE, media=["pictures"], contents=["alerts"])
    assert alert_in_feed(sender, with_pictures)[1] == ""
