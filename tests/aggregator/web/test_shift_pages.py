"""The pages of a shift in a browser: two people hand over, a supervisor reads the reports, in both languages."""

from __future__ import annotations

import re
import secrets

import pytest
from agg_support import Sender, Web, add_staff, entered, event, log_in
from playwright.sync_api import Browser, Page, expect

from aggregator.web.dashboard.i18n.texts import TEXTS
from protocol.event_types import DoorForced


@pytest.fixture
def site() -> str:
    return f"pages-{secrets.token_hex(4)}"


def fill(web: Web, site: str) -> None:
    """A forced door, somebody in a yard."""
    number, now_ns = int(site[-8:], 16), web.parts.core.clock.wall_ns()
    sender = Sender(web.broker_port, web.account, box="pages", site=site)
    try:
        sender.send(
            event(1, DoorForced(door="d1"), place="d1", box="pages", site=site, time_ns=now_ns, number=number),
            event(2, entered(), box="pages", site=site, time_ns=now_ns, number=number + 1),
        )
        sender.wait()
    finally:
        sender.close()


@pytest.mark.timeout(120)
def test_two_people_hand_over_on_the_page(web: Web, browser: Browser, site: str) -> None:
    fill(web, site)
    leaving, coming = add_staff(web, f"monitor@{site}"), add_staff(web, f"monitor@{site}")
    with browser.new_context(locale="zh-CN") as context:
        page = context.new_page()
        log_in(web, page, leaving, path="/shift")
        expect(page.get_by_test_id("shift-content")).to_contain_text(TEXTS["zh-CN"]["kind.door.forced"])
        assert page.locator("h1").count() == 1
        page.get_by_test_id("shift-note").fill("门禁已修。\n<b>明天</b>复查。")
        page.get_by_test_id("hand-over").click()
        page.get_by_test_id("sign-leaving").click()
        expect(page.get_by_test_id("waiting")).to_contain_text(site)
        page.get_by_test_id("read-waiting").click()
        expect(page.get_by_test_id("document")).to_contain_text("<b>明天</b>复查。")
        expect(page.get_by_test_id("take-over")).to_have_count(0)
    with browser.new_context(locale="en-US") as context:
        page = context.new_page()
        log_in(web, page, coming, path="/shift")
        page.get_by_test_id("read-waiting").click()
        page.get_by_test_id("take-over").click()
        expect(page.get_by_test_id("signatures")).to_contain_text(f"Taken over by {coming}")
        page.get_by_test_id("back-to-shift").click()
        expect(page.get_by_test_id("past")).to_contain_text("Signed by both")
        expect(page.get_by_test_id("waiting")).to_have_count(0)


@pytest.mark.timeout(120)
def test_a_page_of_another_site_shows_nothing_of_this_one(web: Web, page: Page, site: str) -> None:
    fill(web, site)
    log_in(web, page, add_staff(web, "monitor@harbour"))
    for wanted in ("00000000-0000-7000-8000-000000000000", "<script>"):
        page.goto(f"{web.url}/shift?document={wanted}")
        expect(page.get_by_test_id("document")).to_contain_text(re.compile("no such hand-over|没有这份交接单"))
    page.goto(f"{web.url}/shift")
    expect(page.get_by_test_id("shift-content")).not_to_contain_text(site)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("locale", "language"), [("en-US", "en"), ("zh-CN", "zh-CN")])
def test_a_supervisor_reads_the_reports(web: Web, browser: Browser, site: str, locale: str, language: str) -> None:
    fill(web, site)
    words = TEXTS[language]
    with browser.new_context(locale=locale, accept_downloads=True) as context:
        page = context.new_page()
        log_in(web, page, add_staff(web, f"supervisor@{site}"), path="/reports")
        expect(page.locator("[data-figure=alerts] b")).to_have_text("2")
        expect(page.locator("[data-figure=critical_share]")).to_contain_text(words["reports.over"])
        for name in ("days", "severities", "sources", "responses"):
            chart = page.locator(f"[data-chart={name}]")
            expect(chart.locator("svg").first).to_be_visible()
            assert chart.locator("table").count() == 1
        expect(page.locator("[data-chart=sources] table")).to_contain_text(words["kind.door.forced"])
        assert page.locator("h1").count() == 1
        with page.expect_download() as download:
            page.get_by_test_id("reports-csv").click()
        assert "load,alerts,2" in download.value.path().read_text("utf-8")
        page.locator("[data-chart=sources]").get_by_role("link", name=re.compile("yard")).click()
        expect(page.get_by_test_id("rule-changes")).to_contain_text(words["reports.no_proposals"])
        expect(page.get_by_test_id("rule-changes")).to_be_in_viewport()
        expect(page.get_by_test_id("quality")).to_contain_text(words["reports.quality_none"])


@pytest.mark.timeout(120)
def test_a_supervisor_makes_a_new_version_and_loses_nothing_that_was_typed(web: Web, browser: Browser) -> None:
    with browser.new_context(locale="en-US") as context:
        page = context.new_page()
        log_in(web, page, add_staff(web, "supervisor@*"), path="/procedures")
        shown = page.get_by_test_id("procedure")
        expect(page.get_by_test_id("step-1")).to_be_visible()
        before = shown.locator(".step-row").count()
        page.get_by_test_id("add-step").click()
        expect(shown.locator(".step-row")).to_have_count(before + 1)
        page.get_by_test_id("save-procedure").click()
        expect(page.get_by_text(f"Step {before + 1} needs a sentence.")).to_be_visible()
        last = page.get_by_test_id(f"step-{before + 1}")
        last.get_by_label("Chinese").fill("<b>记录</b>车牌以外的特征。")
        page.get_by_test_id("add-step").click()
        expect(last.get_by_label("Chinese")).to_have_value("<b>记录</b>车牌以外的特征。")
        page.get_by_test_id(f"step-{before + 2}").get_by_role("button", name="Remove").click()
        expect(shown.locator(".step-row")).to_have_count(before + 1)  # a click on what is being replaced is lost
        page.get_by_test_id("save-procedure").click()
        expect(shown).to_contain_text("Version 1")
        expect(page.get_by_test_id("procedure-versions")).to_contain_text("<b>记录</b>")
    with browser.new_context(locale="zh-CN") as context:
        page = context.new_page()
        log_in(web, page, add_staff(web, "monitor@village"), path="/procedures")
        expect(page.get_by_test_id("procedure")).to_contain_text("<b>记录</b>")
        expect(page.get_by_test_id("save-procedure")).to_have_count(0)


def test_a_monitor_sees_no_reports(web: Web, page: Page, site: str) -> None:
    log_in(web, page, add_staff(web, f"monitor@{site}"))
    answer = page.goto(f"{web.url}/reports")
    assert answer is not None
    assert answer.status == 403
