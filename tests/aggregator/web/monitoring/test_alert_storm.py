"""Hundreds of new alerts in a second, through the broker: each is stored once, and an open feed hears of each."""

from __future__ import annotations

import json
import threading

import httpx2
from agg_support import Sender, Web, entered, event

PER_S, SECONDS = 500, 3
COUNT = PER_S * SECONDS
SITE = "storm"


def test_five_hundred_alerts_a_second_lose_none(web: Web) -> None:
    """They are sent as fast as the broker takes them, in bursts of 500."""
    heard: set[str] = set()
    ready = threading.Event()
    with web.logged_in() as client:
        feed = threading.Thread(target=_listen, args=(client, heard, ready))
        feed.start()
        assert ready.wait(30)
        sender = Sender(web.broker_port, web.account, box="storm-box", site=SITE, again_s=30.0)
        try:
            events = [
                event(
                    it, entered(f"zone-{it}"), place=f"cam-{it % 8}", box="storm-box", site=SITE, number=880_000 + it,
                    time_ns=web.parts.core.clock.wall_ns(),
                )
                for it in range(1, COUNT + 1)
            ]  # fmt: skip
            sender.send(*events)
            sender.wait()
            feed.join(60)
        finally:
            sender.close()
        found: list[dict[str, object]] = []
        cursor: dict[str, str] = {}
        while True:
            page = client.get("/api/alerts", params={"site": SITE, "limit": 500, **cursor}).json()
            found += page["alerts"]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
    assert len(found) == len({it["id"] for it in found}) == COUNT
    assert {it["id"] for it in found} == heard
    assert {it["count"] for it in found} == {1}
    assert {it["subject"] for it in found} == {f"zone-{it}" for it in range(1, COUNT + 1)}


def _listen(client: httpx2.Client, heard: set[str], ready: threading.Event) -> None:
    """Read the feed as a page does, until it has said all."""
    with client.stream("GET", "/api/alerts/changes") as answer:
        for line in answer.iter_lines():
            ready.set()
            if line.startswith("data:"):
                alerts = json.loads(line.removeprefix("data:")).get("alerts", [])
                heard.update(it["id"] for it in alerts if it["site"] == SITE)
            if len(heard) == COUNT:
                return
