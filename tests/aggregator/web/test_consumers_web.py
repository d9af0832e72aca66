"""Consumers over HTTP and on their page."""

from __future__ import annotations

import secrets
from typing import Any

import httpx2
import pytest
from agg_support import Web, add_staff, log_in
from playwright.sync_api import Page, expect

from common.clock import DAY_NS, SystemClock
from protocol.identifiers import to_rfc3339


def wanted(**more: Any) -> dict[str, Any]:
    ends = to_rfc3339(SystemClock().wall_ns() + 30 * DAY_NS)
    return {
        "name": f"platform {secrets.token_hex(4)}", "contact": "duty@district.example",
        "purpose": "dispatching patrols to alerts", "basis": "agreement 2026-14", "places": ["village"], "ends": ends,
    } | more  # fmt: skip


def request(client: httpx2.Client, **more: Any) -> dict[str, Any]:
    answer = client.post("/api/consumers", json=wanted(**more))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def decide(client: httpx2.Client, consumer: dict[str, Any], action: str) -> httpx2.Response:
    return client.post(f"/api/consumers/{consumer['id']}/decide", json={"action": action})


def test_one_administrator_requests_and_another_one_approves(web: Web) -> None:
    first, second = add_staff(web, "admin"), add_staff(web, "admin@village")
    with web.logged_in(first) as mine, web.logged_in(second) as other:
        made = request(mine)
        assert (made["state"], made["created_by"], made["token_made"]) == ("requested", first, None)
        assert mine.post(f"/api/consumers/{made['id']}/token").status_code == 409
        own = decide(mine, made, "approved")
        assert own.status_code == 409
        assert "another administrator" in own.json()["error"]
        assert decide(other, made, "approved").json() == {"id": made["id"], "state": "active"}
        token = mine.post(f"/api/consumers/{made['id']}/token").json()["token"]
        assert token.startswith("pfc_")
        listed = mine.get("/api/consumers")
        assert token not in listed.text
        shown = next(it for it in listed.json()["consumers"] if it["id"] == made["id"])
        assert (shown["state"], shown["decided_by"], shown["lag"]) == ("active", second, None)
        for action, state in (("paused", "paused"), ("resumed", "active"), ("revoked", "revoked")):
            assert decide(other, made, action).json()["state"] == state
        assert decide(other, made, "resumed").status_code == 409
        assert mine.post(f"/api/consumers/{made['id']}/token").status_code == 409
    changes = [it.detail["change"] for it in web.audit_entries() if it.detail.get("consumer") == made["id"]]
    assert changes == ["requested", "approved", "token made", "paused", "resumed", "revoked"]


def test_an_administrator_of_a_site_reaches_its_consumers_only(web: Web) -> None:
    here, elsewhere = add_staff(web, "admin@village"), add_staff(web, "admin@harbour")
    with web.logged_in(here) as mine, web.logged_in(elsewhere) as other, web.logged_in() as everywhere:
        made, whole = request(mine, places=["village/yards"]), request(everywhere, places=["*"])
        listed = [it["id"] for it in mine.get("/api/consumers").json()["consumers"]]
        assert made["id"] in listed
        assert whole["id"] not in listed
        assert made["id"] not in other.get("/api/consumers").text
        assert decide(other, made, "approved").status_code == 422
        assert mine.post("/api/consumers", json=wanted(places=["*"])).status_code == 403
        assert mine.get("/api/consumers").json()["scopes"] == ["village", "village/stairs", "village/yards"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"places": ["vilage"]}, "places: there is no site 'vilage'; did you mean 'village'?"),
        ({"places": ["village/x"]}, "places: there is no area 'x' at 'village'"),
        ({"places": []}, "places: "), ({"kinds": ["zone.entred"]}, "kinds: "), ({"media": ["faces"]}, "media"),
        ({"ends": "2020-01-01T00:00:00Z"}, "ends: it must lie in the future"), ({"purpose": "x"}, "purpose: write 10"),
        ({"requests_per_minute": 0}, "requests_per_minute: "), ({"token": "x"}, "token: "),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_is_refused_with_its_field(web: Web, more: dict[str, Any], words: str) -> None:
    with web.logged_in() as client:
        answer = client.post("/api/consumers", json=wanted(**more))
        assert answer.status_code == 422
        assert answer.json()["error"].startswith(words)


def test_two_consumers_cannot_have_one_name(web: Web) -> None:
    with web.logged_in() as client:
        made = request(client)
        assert client.post("/api/consumers", json=wanted(name=made["name"])).status_code == 409


def test_the_page_requests_a_consumer_and_another_administrator_approves_it_there(web: Web, page: Page) -> None:
    first, second = add_staff(web, "admin"), add_staff(web, "admin")
    name = f"district {secrets.token_hex(3)}"
    log_in(web, page, first, path="/consumers")
    page.get_by_test_id("new-consumer").click()
    page.get_by_test_id("consumer-name").fill(name)
    page.get_by_test_id("consumer-contact").fill("duty@district.example")
    page.get_by_test_id("consumer-basis").fill("agreement 2026-14")
    page.get_by_test_id("consumer-send").click()
    expect(page.get_by_test_id("wrong-purpose")).to_be_visible()
    expect(page.get_by_test_id("consumer-name")).to_have_value(name)
    page.get_by_test_id("consumer-purpose").fill("dispatching patrols to alerts")
    page.get_by_test_id("choose-places").click()
    page.get_by_label("Stone Bridge <Village>", exact=True).check()
    page.get_by_test_id("consumer-send").click()
    row = page.get_by_test_id("consumer").filter(has_text=name)
    expect(row).to_contain_text("Another administrator must approve it.")
    expect(row.get_by_test_id("do-approved")).to_have_count(0)
    page.context.clear_cookies()
    log_in(web, page, second, path="/consumers")
    row.get_by_test_id("do-approved").click()
    page.get_by_test_id("confirm").click()
    expect(row).to_contain_text(f"Approved by {second}")
    row.get_by_test_id("make-token").click()
    page.get_by_test_id("confirm").click()
    expect(page.get_by_test_id("token-text")).to_contain_text("pfc_")
