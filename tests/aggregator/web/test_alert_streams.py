"""Changes of alerts as server-sent events of a running aggregator: sessions and bounds."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any, cast

import httpx2
import pytest
from agg_support import (
    PASSWORD,
    USER,
    Sender,
    Web,
    add_staff,
    entered,
    event,
    plain_client,
    wait_until,
)

from aggregator.web.api.alerts import changes
from common.clock import SystemClock
from protocol.receipts import BoxStatus, CameraState, CameraStatus, encode


@contextlib.contextmanager
def lines(client: httpx2.Client, **headers: str) -> Iterator[Iterator[str]]:
    with client.stream("GET", "/api/alerts/changes", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield answer.iter_lines()


def of_site(found: Iterator[str], site: str) -> dict[str, Any]:
    """The next changed alert of a site."""
    for line in found:
        if line.startswith("data: "):
            for it in json.loads(line[6:]).get("alerts", []):
                if it["site"] == site:
                    return cast(dict[str, Any], it)
    raise AssertionError("the stream has ended")


def test_an_alert_reaches_the_stream_of_a_running_aggregator(web: Web) -> None:
    sender = Sender(web.broker_port, web.account, "sse-box", site="sse")
    try:
        with web.logged_in() as client, lines(client) as found:
            next(found)
            now_ns = SystemClock().wall_ns()
            sender.send(event(1, entered("z"), time_ns=now_ns, box="sse-box", site="sse", number=91_001))
            opened = of_site(found, "sse")
            assert (opened["status"], opened["count"], opened["kind"]) == ("open", 1, "zone.entered")
            client.post(f"/api/alerts/{opened['id']}/acknowledge", json={"version": opened["version"]})
            taken = of_site(found, "sse")
            assert (taken["acknowledgement"], taken["acknowledged_by"]) == ("acknowledged", USER)
            listed = client.get("/api/alerts?site=sse").json()
            assert listed["alerts"] == [taken]
    finally:
        sender.close()


def test_the_state_of_a_camera_reaches_the_stream_once(web: Web) -> None:
    sender = Sender(web.broker_port, web.account, "sse-states", site="sse-states")

    def report(state: CameraState, fps: float) -> None:
        status = BoxStatus(online=True, epoch="ab12", cameras=[CameraStatus(id="cam", state=state, fps=fps)])
        sender.raw(encode(status), sender.topics.status)

    def told(found: Iterator[str]) -> int:
        """How often the site is named before the alert of the end."""
        count = 0
        for line in found:
            count += line == 'data: {"sites":["sse-states"]}'
            if line.startswith("data: ") and any(
                it["site"] == "sse-states" for it in json.loads(line[6:]).get("alerts", [])
            ):
                return count
        raise AssertionError("the stream has ended")

    try:
        report("up", 12.0)
        wait_until(lambda: any(it.site == "sse-states" for it in web.parts.core.reader.cameras()))
        with web.logged_in() as client, lines(client) as found:
            next(found)
            for fps in (11.0, 13.0):
                report("up", fps)
            report("covered", 12.0)
            wait_until(
                lambda: {it.state for it in web.parts.core.reader.cameras() if it.site == "sse-states"} == {"covered"}
            )
            now_ns = SystemClock().wall_ns()
            sender.send(event(1, entered("z"), time_ns=now_ns, box="sse-states", site="sse-states", number=91_003))
            assert told(found) == 1
    finally:
        sender.close()


def test_a_stream_of_a_running_aggregator_ends_with_its_session(web: Web) -> None:
    name = add_staff(web, "monitor")
    with plain_client(web.url, {"Origin": web.url}) as client:
        client.post("/login", data={"name": name, "password": PASSWORD})
        with lines(client) as found:
            next(found)
            sender = Sender(web.broker_port, web.account, "sse-end", site="sse-end")
            with plain_client(web.url, {"Origin": web.url}, cookies=dict(client.cookies)) as other:
                other.post("/logout")
            sender.send(event(1, time_ns=SystemClock().wall_ns(), box="sse-end", site="sse-end", number=91_002))
            sender.wait()
            sender.close()
            assert not any("sse-end" in line for line in found)


def test_streams_of_one_user_are_bounded(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST_OF_A_USER", 1)
    name = add_staff(web, "monitor")
    with plain_client(web.url, {"Origin": web.url}) as client:
        client.post("/login", data={"name": name, "password": PASSWORD})
        with lines(client) as found:
            next(found)
            with plain_client(web.url, cookies=dict(client.cookies)) as other:
                answer = other.get("/api/alerts/changes")
                assert (answer.status_code, answer.headers["retry-after"]) == (429, "15")
        with plain_client(web.url, cookies=dict(client.cookies)) as other:

            def opens() -> bool:
                with other.stream("GET", "/api/alerts/changes") as answer:
                    return answer.status_code == 200

            wait_until(opens)
