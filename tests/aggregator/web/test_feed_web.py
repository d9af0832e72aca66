"""The feed over HTTP: pages, long poll, server-sent events and pictures, within scope and quota."""

from __future__ import annotations

import itertools
import json
import random
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from agg_support import JPEG, Sender, Web, add_staff, event, plain_client, wait_until

from aggregator.storage.engines.database import upsert
from aggregator.storage.schema.core import counters
from common.clock import SystemClock
from protocol.event_types import DoorForced, DoorGranted

from web.test_consumers_web import decide, request  # isort: skip

_NUMBERS = itertools.count(8_200_000)


@pytest.fixture(scope="module")
def sender(web: Web) -> Iterator[Sender]:
    """A box of a site of its own: no other test sends events there."""
    made = Sender(web.broker_port, web.account, "feed-box", site="feedsite")
    yield made
    made.close()


def send(sender: Sender, *kinds: Any, place: str = "hall", picture: bytes | None = None) -> list[str]:
    """Send events at once, and wait until they are committed; their ids."""
    now_ns = SystemClock().wall_ns()
    made = [
        event(number, data, time_ns=now_ns, place=place, box="feed-box", site="feedsite", picture=picture)
        for data, number in zip(kinds, _NUMBERS, strict=False)
    ]
    sender.send(*made)
    sender.wait()
    return [it.id for it in made]


@pytest.fixture
def consumer(web: Web, sender: Sender) -> Iterator[httpx2.Client]:
    """A client of a consumer of events at `feedsite`, with pictures."""
    send(sender, DoorGranted(door="hall"))  # the site is known by its box
    with approved(web, contents=["events"], media=["pictures"]) as client:
        yield client


def approved(web: Web, **more: Any) -> httpx2.Client:
    """A client with the token of a new consumer."""
    with web.logged_in() as mine:
        made = request(mine, **{"places": ["feedsite"], "requests_per_minute": 6000} | more)
    with web.logged_in(add_staff(web, "admin")) as other:
        assert decide(other, made, "approved").status_code == 200
        token = other.post(f"/api/consumers/{made['id']}/token").json()["token"]
    client = plain_client(web.url, {"Authorization": f"Bearer {token}"})
    client.headers["X-Consumer"] = made["id"]
    return client


def read(client: httpx2.Client, **query: Any) -> dict[str, Any]:
    answer = client.get("/api/feed", params=query)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def ids(page: dict[str, Any]) -> list[str]:
    return [it["id"] for it in page["events"]]


def test_a_cursor_leads_through_the_feed_in_order_and_nothing_comes_twice(
    consumer: httpx2.Client, sender: Sender
) -> None:
    start = read(consumer)
    assert (start["events"], start["end"]) == ([], True)
    sent = send(sender, *(DoorGranted(door="hall", credential="0123456789abcdef") for _ in range(7)))
    first = read(consumer, after=start["next"], limit=5)
    rest = read(consumer, after=first["next"])
    assert ids(first) + ids(rest) == sent
    assert (first["end"], rest["end"]) == (False, True)
    assert ids(read(consumer, after=start["next"], limit=500)) == sent, "the same cursor gives the same again"
    assert read(consumer, after=rest["next"])["events"] == []
    assert "0123456789abcdef" not in json.dumps(first)
    positions = [int(it["sequence"]) for it in first["events"]]
    assert positions == sorted(positions)
    assert first["next"] == str(positions[-1])


def test_a_long_poll_is_answered_by_the_first_event(consumer: httpx2.Client, sender: Sender) -> None:
    start, got = read(consumer), []
    waiting = threading.Thread(target=lambda: got.append(read(consumer, after=start["next"], wait=30)))
    waiting.start()
    sent = send(sender, DoorGranted(door="hall"))
    waiting.join(30)
    assert [ids(it) for it in got] == [sent]


def test_an_old_cursor_gets_the_oldest_one_and_one_of_the_future_is_refused(
    web: Web, consumer: httpx2.Client, sender: Sender
) -> None:
    send(sender, DoorGranted(door="hall"))
    newest = read(consumer)["next"]
    answer = consumer.get("/api/feed", params={"after": str(int(newest) + 1000)})
    assert (answer.status_code, answer.json()["error"][:6]) == (422, "after:")
    for wrong in ("x", "-1", "1e3", "9" * 30, "01"):
        assert consumer.get("/api/feed", params={"after": wrong}).status_code == 422
        assert consumer.get("/api/feed/stream", params={"after": wrong}).status_code == 422
    assert consumer.get("/api/feed/stream", headers={"Last-Event-ID": "x"}).status_code == 422
    set_purged(web, int(newest))
    try:
        for path in ("/api/feed", "/api/feed/stream"):
            gone = consumer.get(path, params={"after": str(int(newest) - 1)})
            assert gone.status_code == 410
            assert gone.json()["oldest"] == newest
        assert read(consumer, after=newest)["events"] == []
    finally:
        set_purged(web, 0)


def set_purged(web: Web, position: int) -> None:
    """As the purge leaves it; the rows stay."""

    def job(store: Any) -> None:
        with store._db.transaction() as db:
            upsert(db, counters, {"name": "feed_purged", "value": position})

    web.parts.core.queue.submit(job).result(10)


def stream_events(client: httpx2.Client, last: str, most: int) -> tuple[list[str], str]:
    """The next ids of events of a stream, and its last id; cut after `most`."""
    found: list[str] = []
    with client.stream("GET", "/api/feed/stream", headers={"Last-Event-ID": last}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("id: "):
                last = line[4:]
            elif line.startswith("data: "):
                found.append(json.loads(line[6:])["id"])
                if len(found) == most:
                    break
    return found, last


def test_a_stream_that_is_cut_again_and_again_loses_and_repeats_nothing(
    consumer: httpx2.Client, sender: Sender
) -> None:
    last, chance = read(consumer)["next"], random.Random(7)
    sent = send(sender, *(DoorGranted(door="hall") for _ in range(60)))
    got: list[str] = []
    while len(got) < len(sent):
        found, last = stream_events(consumer, last, min(chance.randint(1, 9), len(sent) - len(got)))
        got += found
    assert got == sent


def test_a_stream_sends_what_comes_and_ends_with_the_consumer(
    web: Web, consumer: httpx2.Client, sender: Sender
) -> None:
    last, got = read(consumer)["next"], list[str]()
    ended = threading.Event()

    def follow() -> None:
        with consumer.stream("GET", "/api/feed/stream", headers={"Last-Event-ID": last}) as answer:
            got.extend(line for line in answer.iter_lines() if line.startswith("data: "))
        ended.set()

    threading.Thread(target=follow, daemon=True).start()
    send(sender, DoorGranted(door="hall"))
    with web.logged_in() as admin:
        wait_until(lambda: shown(admin, consumer)["events_this_hour"] == 1)
        assert decide(admin, {"id": consumer.headers["X-Consumer"]}, "paused").status_code == 200
        assert ended.wait(10)
        assert len(got) == 1
        assert consumer.get("/api/feed").status_code == 403
        assert decide(admin, {"id": consumer.headers["X-Consumer"]}, "revoked").status_code == 200
        assert consumer.get("/api/feed").status_code == 401


def shown(admin: httpx2.Client, consumer: httpx2.Client) -> dict[str, Any]:
    found = admin.get("/api/consumers").json()["consumers"]
    one: dict[str, Any] = next(it for it in found if it["id"] == consumer.headers["X-Consumer"])
    return one


def test_a_consumer_gets_its_site_its_content_and_its_severities_only(web: Web, sender: Sender) -> None:
    send(sender, DoorGranted(door="hall"))
    with (
        approved(web, places=["village"]) as other,
        approved(web, contents=["alerts"], severities=["critical"]) as critical,
    ):
        start = read(critical)["next"]
        send(sender, DoorForced(door="yard"), DoorGranted(door="hall"), place="yard")
        assert [it["type"] for it in read(critical, after=start)["events"]] == ["paifang.alert.changed.v1"]
        elsewhere = read(other, after=start)
        assert [it for it in elsewhere["events"] if "feedsite" in it["source"]] == []
        assert int(elsewhere["next"]) > int(start), "its cursor moves on all the same"


def test_pictures_are_handed_over_where_approved_and_each_access_is_logged(
    web: Web, consumer: httpx2.Client, sender: Sender
) -> None:
    start = read(consumer)["next"]
    (with_picture,) = send(sender, DoorGranted(door="hall"), picture=JPEG)
    (without,) = send(sender, DoorGranted(door="hall"))
    events = read(consumer, after=start)["events"]
    assert [it.get("picture") for it in events] == [f"/api/feed/pictures/{with_picture}", None]
    for _ in range(2):
        answer = consumer.get(events[0]["picture"])
        assert (answer.content, answer.headers["content-type"]) == (JPEG, "image/jpeg")
    assert consumer.get(f"/api/feed/pictures/{without}").status_code == 404
    with approved(web) as plain:
        assert plain.get(events[0]["picture"]).status_code == 404, "pictures were not approved"
    views = [it for it in web.audit_entries() if it.what == "view" and it.target == with_picture]
    assert [it.who.startswith("consumer:platform") for it in views] == [True, True]


def test_quotas_end_with_a_time_to_wait(web: Web, sender: Sender) -> None:
    send(sender, DoorGranted(door="hall"))
    with approved(web, contents=["events"], events_per_hour=3) as client:
        start = read(client)["next"]
        send(sender, *(DoorGranted(door="hall") for _ in range(5)))
        assert len(read(client, after=start, limit=10)["events"]) == 3, "as many as are left"
        over = client.get("/api/feed", params={"after": start})
        assert over.status_code == 429
        assert 0 < int(over.headers["retry-after"]) <= 3600
    with approved(web, requests_per_minute=2) as client:
        assert [client.get("/api/feed").status_code for _ in range(3)] == [200, 200, 429]
        assert client.get("/api/feed/pictures/x").status_code == 429


def test_neither_a_session_nor_another_token_opens_the_feed_and_its_token_opens_nothing_else(
    web: Web, consumer: httpx2.Client
) -> None:
    with web.logged_in() as client, web.client() as stranger:
        assert client.get("/api/feed").status_code == 401
        assert stranger.get("/api/feed", headers={"Authorization": "Bearer pfc_x"}).status_code == 401
    for path in ("/api/alerts", "/api/me", "/api/consumers", "/api/openapi.json", "/"):
        assert consumer.get(path).status_code == 401, path
    assert consumer.post("/api/feed").status_code == 401


def test_the_client_of_the_documents_prints_events_and_goes_on_after_a_restart(
    consumer: httpx2.Client, sender: Sender, tmp_path: Path
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "integrate" / "feed.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    token = consumer.headers["Authorization"].removeprefix("Bearer ")
    place = tmp_path / "cursor.txt"
    place.write_text(read(consumer)["next"])
    for _ in range(2):
        before = place.read_text()
        send(sender, DoorGranted(door="hall"))
        newest = read(consumer, after=before)["next"]
        process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True,
            env={"PAIFANG_URL": str(consumer.base_url).rstrip("/"), "PAIFANG_TOKEN": token},
        )  # fmt: skip
        try:
            assert process.stdout is not None
            assert "paifang.door.granted.v1" in process.stdout.readline()
            wait_until(lambda wanted=newest: place.read_text() == wanted)  # type: ignore[misc]
        finally:
            process.kill()
            process.communicate()


def test_the_shell_command_of_the_documents_prints_events(consumer: httpx2.Client, sender: Sender) -> None:
    page = (Path(__file__).parents[3] / "docs" / "integrate" / "feed.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    start = read(consumer)["next"]
    send(sender, DoorGranted(door="hall"))
    process = subprocess.Popen(
        ["sh", "-c", f"exec {code}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={
            "PAIFANG_URL": str(consumer.base_url).rstrip("/"), "CURSOR": start, "PATH": "/usr/bin:/bin",
            "PAIFANG_TOKEN": consumer.headers["Authorization"].removeprefix("Bearer "),
        },
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert any("paifang.door.granted.v1" in line for line in process.stdout)
    finally:
        process.kill()
        process.communicate()
