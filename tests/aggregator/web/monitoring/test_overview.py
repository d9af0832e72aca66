"""The responder's wall page and its API: numbers and states only, within the scope, as they change."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
from agg_support import JPEG, PASSWORD, Sender, Web, add_staff, entered, event, log_in, plain_client
from playwright.sync_api import Page, Request, expect

from common.clock import SystemClock
from protocol.event_types import DoorForced
from protocol.receipts import BoxStatus, CameraStatus, encode

BOX = "overview-box"
READ_ONLY = {"GET", "HEAD"}


_tests, _ids = itertools.count(), itertools.count(750_000)


@pytest.fixture
def site() -> str:
    """One of the test's own."""
    return f"overview-{next(_tests)}"


@pytest.fixture
def sender(web: Web, site: str) -> Iterator[Sender]:
    made = Sender(web.broker_port, web.account, BOX, site=site)
    cameras = [CameraStatus(id="cam-1", name="Hall", state="up"), CameraStatus(id="cam-2", name="Yard", state="lost")]
    made.raw(encode(BoxStatus(online=True, epoch="ab12", cameras=cameras)), made.topics.status)
    send(made, 1, place="cam-1")
    yield made
    made.close()


def send(sender: Sender, number: int, place: str) -> None:
    at_ns, data = SystemClock().wall_ns(), DoorForced(door="d") if place == "door" else entered()
    sender.send(
        event(
            number, data, box=BOX, site=sender.topics.site, place=place, number=next(_ids), time_ns=at_ns, picture=JPEG
        )
    )
    sender.wait()


@pytest.fixture(autouse=True)
def fresh(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_recent", "_open"):
        monkeypatch.setattr(getattr(web.parts.use_cases.overview, name), "_fresh_ns", 0)


def words_of(answer: Any) -> Iterator[str]:
    """All keys and texts of a JSON answer."""
    if isinstance(answer, dict):
        for key, value in answer.items():
            yield str(key)
            yield from words_of(value)
    elif isinstance(answer, list):
        for value in answer:
            yield from words_of(value)
    elif isinstance(answer, str):
        yield answer


def test_the_api_gives_numbers_of_the_caller_s_sites_and_nothing_else(web: Web, site: str, sender: Sender) -> None:
    assert sender
    with web.logged_in(add_staff(web, f"responder@{site}")) as client:
        answer = client.get("/api/statistics/overview").json()
        assert [it["site"] for it in answer["sites"]] == [site]
        figures = answer["sites"][0]["figures"]
        assert figures["open"]["medium"] == {"unacknowledged": 1, "acknowledged": 0, "assigned": 0}
        assert (figures["last_hour"]["total"], figures["hours"][-1], len(figures["hours"])) == (1, 1, 24)
        assert figures["devices"]["camera"]["total"] == 2
        assert figures["devices"]["camera"]["working"] == 1
        assert figures == answer["total"]
        told = " ".join(words_of(answer))
        assert not re.search(r"picture|clip|/api/|cam-|Hall|Yard|zone\.|\bli\b", told), told
        assert client.get("/api/statistics/overview?site=village").status_code == 403
        assert client.get(f"/api/statistics/overview?site={'x' * 99}").status_code == 422
        for closed in ("/api/statistics", "/api/staff", f"/api/live/{site}/{BOX}/cam-1", "/api/clips/x", "/metrics"):
            headers = {"X-Forwarded-For": "1.2.3.4"} if closed == "/metrics" else {}
            assert client.get(closed, headers=headers).status_code in (401, 403, 404, 405), closed


def test_a_token_for_the_overview_alone_reads_it_alone(web: Web, site: str, sender: Sender) -> None:
    assert sender
    with web.logged_in(add_staff(web, "responder")) as person:
        body = {"label": "wall", "permissions": ["overview.see"], "current": PASSWORD}
        token = person.post("/api/tokens", json=body).json()["token"]
    with plain_client(web.url, {"Authorization": f"Bearer {token}"}) as program:
        assert site in [it["site"] for it in program.get("/api/statistics/overview").json()["sites"]]
        assert program.get("/api/alerts").status_code == 403


def test_the_page_shows_what_is_open_and_follows_changes_without_pictures(
    web: Web, page: Page, site: str, sender: Sender
) -> None:
    asked: list[Request] = []

    def note(request: Request) -> None:
        asked.append(request)

    log_in(web, page, add_staff(web, f"responder@{site}"))
    page.on("request", note)
    assert page.url == f"{web.url}/overview"
    assert page.locator(".rail a").count() == 1
    medium = page.get_by_test_id("open-medium")
    expect(medium.locator(".number")).to_have_text("1")
    expect(medium).to_contain_text("1 unacknowledged")
    expect(page.get_by_test_id("overview-area")).to_have_text(re.compile(f"^{site}.*1 open, 1 unacknowledged"))
    expect(page.get_by_test_id("devices-camera")).to_contain_text("1 / 2")
    expect(page.get_by_test_id("opened-hour").locator(".number")).to_have_text("1")
    expect(page.get_by_test_id("map-none")).to_be_visible()
    send(sender, 2, place="door")
    expect(page.get_by_test_id("open-critical").or_(page.get_by_test_id("open-high")).filter(
        has_text=re.compile(r"[1-9] unacknowledged"))).to_have_count(1)  # fmt: skip
    with web.logged_in() as client:
        for alert in client.get(f"/api/alerts?site={site}").json()["alerts"]:
            assert client.post(f"/api/alerts/{alert['id']}/acknowledge", json={}).status_code == 200
    expect(medium).to_contain_text("1 acknowledged")
    expect(page.get_by_test_id("response-medium").locator("td").nth(2)).to_have_text("1")
    assert page.locator("main").get_by_role("link").count() == 0
    assert page.locator("main").get_by_role("button").count() == 0
    assert page.locator("main img, main video, main canvas").count() == 0
    assert {it.method for it in asked if "/_nicegui" not in it.url} <= READ_ONLY
    assert not [it.url for it in asked if re.search(r"/api/(pictures|clips|stills|live|footage)", it.url)]
