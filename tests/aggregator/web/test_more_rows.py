"""Two clicks at once on the button for more: each row once, in order, on every page whose list grows."""

from __future__ import annotations

import pytest
from agg_support import Web, log_in
from auth.test_staff import add
from playwright.sync_api import Page, expect
from web.test_case_footage import SITE as HOLD_SITE
from web.test_case_footage import Box, box
from web.test_holds_web import place
from web.test_search_web import SITE as SEARCH_SITE
from web.test_search_web import filed, new_case

from aggregator.audit import query
from aggregator.domain.investigation.search_query import make
from aggregator.messaging.command_client import CommandClient
from aggregator.services import search_service
from aggregator.web.dashboard.investigation import case_list, search_page
from aggregator.web.dashboard.video import case_holds
from protocol.commands import Command, RecordedRanges, Reply
from protocol.topics import BoxTopics

__all__ = ["box", "filed"]


def test_two_clicks_at_once_show_each_case_once(web: Web, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case_list, "PAGE", 2)
    name = add(web, "investigator@meadow-2")
    with web.logged_in(name) as client:
        made = [new_case(client, site="meadow-2") for _ in range(7)]
    log_in(web, page, name)
    page.get_by_test_id("all-cases").locator("summary").click()
    rows = page.get_by_test_id("case")
    expect(rows).to_have_count(2)
    page.get_by_test_id("cases-older").dblclick()
    expect(rows).to_have_count(6)
    page.get_by_test_id("cases-older").dblclick()
    expect(rows).to_have_count(7)
    assert [it.split(" ")[0] for it in rows.all_inner_texts()] == made[::-1]


def test_two_clicks_at_once_show_each_entry_of_the_audit_log_once(
    web: Web, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, auditor = add(web, "investigator@meadow-3"), add(web, "auditor")
    with web.logged_in(name) as client:
        made = [new_case(client, site="meadow-3") for _ in range(7)]
    monkeypatch.setattr(query, "PAGE", 2)
    log_in(web, page, auditor, path="/record")
    page.get_by_test_id("record-who").fill(name)
    page.get_by_test_id("record-who").press("Enter")
    rows = page.get_by_test_id("act").filter(has_text="2026/")
    expect(rows).to_have_count(2)
    page.get_by_test_id("more-acts").dblclick()
    expect(rows).to_have_count(6)
    shown = [next(it for it in made if it in text) for text in rows.all_inner_texts()]
    assert shown == made[::-1][:6]


def test_two_clicks_at_once_count_each_hit_once(
    web: Web, page: Page, filed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_page, "make", lambda fields: make(fields | {"limit": 1}))
    monkeypatch.setattr(search_service, "MOST_PAGES", 0)
    name = add(web, f"investigator@{SEARCH_SITE}")
    with web.logged_in(name) as client:
        new_case(client, site=SEARCH_SITE)
    log_in(web, page, name, path="/search")
    page.get_by_test_id("search-go").click()
    told = page.get_by_test_id("search-told")
    expect(told).to_contain_text("1 hits")
    page.get_by_test_id("search-more").dblclick()
    expect(told).to_contain_text("3 hits")
    page.get_by_test_id("search-more").click()
    expect(page.get_by_test_id("search-more")).to_be_hidden()
    expect(told).to_contain_text("3 hits")


async def without_footage(_client: CommandClient, _topics: BoxTopics, command: Command) -> Reply:
    """A box that has held what it was asked to, and has no footage of any day."""
    return Reply(id=command.id, done=True, kept=RecordedRanges())


def test_two_clicks_at_once_show_each_hold_once(
    web: Web, page: Page, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.report()
    monkeypatch.setattr(CommandClient, "ask", without_footage)
    monkeypatch.setattr(case_holds, "PAGE", 1)
    name = add(web, f"investigator@{HOLD_SITE}")
    with web.logged_in(name) as client:
        case = new_case(client, site=HOLD_SITE)
        for _ in range(3):
            assert place(client, case).is_success
    log_in(web, page, name, path="/footage")
    page.get_by_test_id("footage-case").fill(case)
    page.get_by_test_id("footage-case").press("Enter")
    rows = page.get_by_test_id("case-hold")
    expect(rows).to_have_count(1)
    page.get_by_test_id("holds-older").dblclick()
    expect(rows).to_have_count(3)
    expect(page.get_by_test_id("holds-older")).to_be_hidden()
