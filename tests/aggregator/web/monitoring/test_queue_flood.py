"""The queue during an alarm flood."""

from __future__ import annotations

import pytest
from agg_support import USER, Web, add_staff, log_in
from axe_kit import axe_source, violations
from playwright.sync_api import Page, expect
from queue_kit import FakeApi, made

ROW = "[data-testid=alert-row]"
FLOOD = {"active": True, "since": "2026-11-27T08:40:00Z", "recent": 42}


@pytest.fixture
def api(page: Page) -> FakeApi:
    found = FakeApi()
    found.put(made(1, "critical"), made(2, "high", acknowledgement="acknowledged"))
    found.put(*(made(10 + it, ("low", "medium")[it % 2]) for it in range(37)))
    found.install(page)
    return found


def enter(web: Web, page: Page) -> None:
    log_in(web, page, add_staff(web, "supervisor@village"))  # one site, so times are that site's
    page.locator(ROW).first.wait_for()
    page.wait_for_function("window.feed !== undefined")


def severities(page: Page) -> set[str]:
    return set(page.get_by_test_id("alert-severity").all_inner_texts())


def test_a_flood_is_said_and_low_and_medium_alerts_are_one_line(web: Web, page: Page, api: FakeApi) -> None:
    api.flood = FLOOD
    enter(web, page)
    expect(page.locator(ROW)).to_have_count(2)
    expect(page.get_by_test_id("flood-since")).to_have_text("Alarm flood since 2026-11-27 16:40:00.")
    expect(page.get_by_test_id("flood-recent")).to_have_text("42 new alerts in the last 10 minutes.")
    line = page.get_by_test_id("flood-line")
    expect(line).to_have_text("37 low and medium alerts")
    expect(line).to_have_attribute("aria-expanded", "false")
    assert severities(page) == {"Critical", "High"}
    assert violations(page, axe_source()) == []
    line.focus()
    page.keyboard.press("Enter")
    expect(page.locator(ROW).first).to_have_attribute("aria-setsize", "39")
    expect(line).to_have_attribute("aria-expanded", "true")
    expect(line).to_be_focused()
    assert "Medium" in severities(page)
    page.keyboard.press("Enter")
    expect(page.locator(ROW)).to_have_count(2)


def test_new_alerts_of_a_flood_wait_as_before_where_they_are_urgent(web: Web, page: Page, api: FakeApi) -> None:
    api.flood = FLOOD
    enter(web, page)
    expect(page.locator(ROW)).to_have_count(2)
    api.push(page, made(101, "low"), made(102, "medium"), made(103, "high"), made(104, "critical"))
    expect(page.get_by_test_id("new-alerts")).to_have_text("▲ 2 new · 1 critical")
    page.get_by_test_id("new-alerts").click()
    expect(page.locator(ROW)).to_have_count(4)
    page.evaluate("feed.heard.reset({})")
    expect(page.get_by_test_id("flood-line")).to_have_text("39 low and medium alerts")


def test_a_flood_begins_and_ends_while_the_page_is_open(web: Web, page: Page, api: FakeApi) -> None:
    enter(web, page)
    expect(page.locator(ROW).first).to_have_attribute("aria-setsize", "39")
    expect(page.get_by_test_id("flood")).to_be_hidden()
    api.flood = FLOOD
    page.evaluate("feed.heard.reset({})")
    expect(page.get_by_test_id("flood")).to_be_visible()
    expect(page.locator(ROW)).to_have_count(2)
    api.flood = None
    page.evaluate("feed.heard.reset({})")
    expect(page.get_by_test_id("flood")).to_be_hidden()
    expect(page.locator(ROW).first).to_have_attribute("aria-setsize", "39")


def test_a_flood_moves_no_row_under_the_pointer(web: Web, page: Page, api: FakeApi) -> None:
    enter(web, page)
    page.locator(ROW).nth(3).hover()
    api.flood = FLOOD
    page.evaluate("feed.heard.reset({})")
    expect(page.get_by_test_id("flood-line")).to_be_visible()
    expect(page.locator(ROW).first).to_have_attribute("aria-setsize", "39")
    page.get_by_test_id("alert-detail").hover()
    expect(page.locator(ROW)).to_have_count(2)


def test_a_filter_of_severity_shows_what_it_asks_for(web: Web, page: Page, api: FakeApi) -> None:
    api.flood = FLOOD
    enter(web, page)
    expect(page.locator(ROW)).to_have_count(2)
    page.get_by_test_id("filter-severity").select_option("low")
    expect(page.locator(ROW).first).to_have_attribute("aria-setsize", "19")
    expect(page.get_by_test_id("flood-line")).to_be_hidden()
    expect(page.get_by_test_id("flood-since")).to_be_visible()


def test_a_list_without_urgent_alerts_does_not_say_that_there_are_none(web: Web, page: Page, api: FakeApi) -> None:
    api.flood = FLOOD
    del api.alerts[made(1)["id"]], api.alerts[made(2)["id"]]
    log_in(web, page, USER)
    expect(page.get_by_test_id("flood-line")).to_have_text("37 low and medium alerts")
    expect(page.get_by_test_id("no-alerts")).to_have_text("No critical or high alerts.")
    page.get_by_test_id("flood-line").click()
    expect(page.locator(ROW).first).to_have_attribute("aria-setsize", "37")
