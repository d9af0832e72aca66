"""Lists of cases and of requests for unredacted copies are read page by page, by the API and on the pages."""

from __future__ import annotations

from urllib.parse import quote

import httpx2
import pytest
from agg_support import Web, log_in
from auth.test_staff import add
from playwright.sync_api import Page, expect
from web.test_releases_web import ask, camera
from web.test_search_web import new_case

from aggregator.web.dashboard.investigation import case_list, releases_page

__all__ = ["camera"]


def pages(client: httpx2.Client, address: str, name: str) -> list[list[str]]:
    """The ids of a list, page by page."""
    found, before = [], ""
    while before is not None:
        answer = client.get(address + (f"&before={quote(before)}" if before else ""))
        assert answer.status_code == 200, answer.text
        found.append([it["id"] for it in answer.json()[name]])
        before = answer.json()["before"]
    return found


def test_cases_come_in_pages(web: Web) -> None:
    with web.logged_in(add(web, "investigator@orchard")) as client:
        made = [new_case(client, site="orchard", id=f"第 {it} 号: a/b.#") for it in range(5)]
        newest = made[::-1]
        assert pages(client, "/api/cases?limit=2", "cases") == [newest[:2], newest[2:4], newest[4:]]
        client.post("/api/cases/close", json={"case": made[3]})
        assert pages(client, "/api/cases?limit=3&open=true", "cases") == [[made[4], made[2], made[1]], [made[0]]]
        assert len(client.get("/api/cases").json()["cases"]) == 5


def test_requests_come_in_pages_and_by_state(web: Web, camera: str) -> None:
    with web.logged_in(add(web, "investigator@village")) as client, web.logged_in(add(web, "approver@village")) as two:
        case = new_case(client)
        made = [ask(client, case, camera=camera).json()["id"] for _ in range(3)]
        assert pages(client, "/api/releases?limit=2", "releases") == [[made[2], made[1]], [made[0]]]
        assert two.post(f"/api/releases/{made[1]}/refuse", json={"reason": "not needed"}).status_code == 200
        assert pages(client, "/api/releases?limit=5&state=requested", "releases") == [[made[2], made[0]]]
        assert pages(client, "/api/releases?limit=1&state=refused", "releases") == [[made[1]], []]


@pytest.mark.parametrize("path", ["cases", "releases"])
@pytest.mark.parametrize(
    "before", ["", "1", "1.", ".x", "x.y", "-1.a", f"{2**63}.a", "1.a\n", "1.\x00", "1." + "a" * 65]
)
def test_a_cursor_that_no_answer_gave_is_refused(web: Web, path: str, before: str) -> None:
    with web.logged_in(add(web, "investigator@orchard")) as client:
        answer = client.get(f"/api/{path}?before={quote(before)}")
        assert answer.status_code == 400
        assert "before" in answer.json()["error"]
        assert client.get(f"/api/{path}?limit=0").status_code == 422


def test_the_page_lists_all_cases_and_offers_open_ones(web: Web, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case_list, "PAGE", 2)
    monkeypatch.setattr(case_list, "MOST_CHOICES", 1)
    name = add(web, "investigator@meadow")
    with web.logged_in(name) as client:
        made = [new_case(client, site="meadow", purpose=f"purpose <{it}> of it") for it in range(4)]
        client.post("/api/cases/close", json={"case": made[1]})
    log_in(web, page, name)
    fold, rows = page.get_by_test_id("all-cases"), page.get_by_test_id("case")
    expect(page.get_by_test_id("search-told")).to_have_text("purpose <3> of it")
    expect(rows).to_have_count(0)
    fold.locator("summary").click()
    expect(rows).to_have_count(2)
    page.get_by_test_id("cases-older").click()
    expect(rows).to_have_count(4)
    expect(page.get_by_test_id("cases-older")).to_be_hidden()
    assert [it.split(" ")[0] for it in rows.all_inner_texts()] == made[::-1]
    expect(rows.nth(2)).to_contain_text(f"closed by {name}")
    expect(rows.nth(2).get_by_test_id("case-choose")).to_have_count(0)
    rows.nth(3).get_by_test_id("case-choose").click()
    expect(page.get_by_test_id("search-told")).to_have_text("purpose <0> of it")
    page.get_by_test_id("close-case").click()
    expect(rows.nth(3)).to_contain_text(f"closed by {name}")  # the rows that were shown are read again
    expect(rows).to_have_count(4)


def test_a_case_beyond_those_offered_stays_chosen(
    web: Web, page: Page, monkeypatch: pytest.MonkeyPatch, camera: str
) -> None:
    monkeypatch.setattr(case_list, "MOST_CHOICES", 1)
    name = add(web, "investigator@village")
    with web.logged_in(name) as client:
        old = new_case(client)
        new_case(client)
    log_in(web, page, name, path=f"/releases?case={quote(old)}&camera={camera}")
    page.get_by_test_id("release-reason").fill("who bent the barrier")
    page.get_by_test_id("release-ask").click()
    expect(page.get_by_test_id("release")).to_contain_text(f"Case {old}")


def test_the_page_of_copies_turns_pages(web: Web, page: Page, camera: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases_page, "PAGE", 2)
    name = add(web, "investigator@village")
    with web.logged_in(name) as client, web.logged_in(add(web, "approver@village")) as two:
        case = new_case(client)
        made = [ask(client, case, camera=camera, reason=f"reason {it}").json()["id"] for it in range(3)]
        two.post(f"/api/releases/{made[1]}/refuse", json={"reason": "not needed"})
    log_in(web, page, name, path="/releases")
    shown, newest, older = (page.get_by_test_id(it) for it in ("release", "releases-newest", "releases-older"))
    expect(shown).to_have_count(2)
    expect(newest).to_be_hidden()
    older.click()
    expect(shown).to_have_count(1)
    expect(shown).to_contain_text("reason 0")
    expect(older).to_be_hidden()
    newest.click()
    expect(shown).to_have_count(2)
    expect(shown.first).to_contain_text("reason 2")
    page.get_by_test_id("release-state").click()
    page.get_by_role("option", name="Rejected").click()
    expect(shown).to_have_count(1)
    expect(shown).to_contain_text("reason 1")
