"""The page of silences, maintenance windows and shelved devices."""

from __future__ import annotations

import itertools
import re

import pytest
from agg_support import PASSWORD, USER, Sender, Web, add_staff, entered, event, log_in, wait_until
from playwright.sync_api import Browser, Page, expect

from aggregator import app
from aggregator.domain.accounts.authorization import RoleAssignment
from aggregator.web.dashboard.i18n.texts import TEXTS
from common.secret import Secret

EN, ZH = TEXTS["en"], TEXTS["zh-CN"]
NUMBERS = itertools.count(61_000)


@pytest.fixture
def site(web: Web) -> str:
    """A site of its own with three alerts at two cameras: the aggregator is shared."""
    site = f"pages-{next(NUMBERS)}"
    sender = Sender(web.broker_port, web.account, box="box-1", site=site)
    try:
        now_ns = web.parts.core.clock.wall_ns()
        for number, (place, zone) in enumerate((("cam-1", "yard"), ("cam-1", "pond"), ("cam-2", "yard")), 1):
            sender.send(
                event(number, entered(zone), place=place, box="box-1", site=site, time_ns=now_ns, number=next(NUMBERS))
            )
        sender.wait()
    finally:
        sender.close()
    match = {"site": [site], "place": ["cam-1"]}
    with web.logged_in() as client:  # what there is is read every few seconds
        wait_until(lambda: client.post("/api/silences/preview", json={"match": match}).status_code == 200)
    return site


def open_page(web: Web, page: Page, site: str, role: str, query: str = "") -> str:
    name = add_staff(web, f"{role}@{site}")
    log_in(web, page, name, path=f"/silences{query}")
    page.get_by_test_id("silence-list").locator("li").first.wait_for()
    return name


def choose(page: Page, field: str, *values: str) -> None:
    page.get_by_test_id(f"choose-match.{field}").click()
    for value in values:
        page.locator(f'[data-path="match.{field}"] input[value="{value}"]').check()


def test_a_silence_is_previewed_saved_and_ended_on_the_page(web: Web, page: Page, site: str) -> None:
    name = open_page(web, page, site, "supervisor")
    page.get_by_test_id("new-silence").click()
    choose(page, "site", site)
    choose(page, "place", "cam-1")
    choose(page, "kind", "zone.entered")
    send = page.get_by_test_id("silence-send")
    expect(send).to_have_text(EN["silences.preview"])
    send.click()
    expect(page.get_by_test_id("preview-count")).to_have_text(EN.counted("silences.preview.count", 2))
    expect(page.get_by_test_id("example")).to_have_count(2)
    assert page.get_by_test_id("silence-list").get_by_test_id("item").count() == 0, "a preview saves nothing"
    choose(page, "object", "person")
    expect(send).to_have_text(EN["silences.preview"])
    send.click()
    page.get_by_test_id("preview-count").wait_for()
    page.get_by_role("button", name=EN["silences.length.8"]).click()
    page.get_by_test_id("silence-reason").fill("building work")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("page-status")).to_have_text(EN["silences.silence.made"])
    item = page.get_by_test_id("silence-list").get_by_test_id("item")
    expect(item).to_have_count(1)
    for text in ("cam-1", EN["kind.zone.entered"], "building work", name, EN["silences.state.active"]):
        expect(item).to_contain_text(text)
    item.get_by_test_id("end").click()
    page.get_by_test_id("confirm").click()
    expect(item).to_have_count(0)
    page.get_by_test_id("show-ended").check()
    expect(item).to_contain_text(EN["silences.ended.by"].format(name=name))


def test_ux_14_errors_stand_in_words_at_the_field_and_nothing_is_lost(web: Web, browser: Browser, site: str) -> None:
    with browser.new_context(locale="zh-CN") as context:
        page = context.new_page()
        open_page(web, page, site, "supervisor", "?new=silence")
        choose(page, "site", site)
        send = page.get_by_test_id("silence-send")
        send.click()
        expect(page.get_by_test_id("wrong-match")).to_have_text(ZH["form.error.everything"])
        choose(page, "place", "cam-1")
        page.get_by_test_id("silence-reason").fill("a")
        page.get_by_test_id("until").fill("2020-01-01T00:00")
        send.click()
        page.get_by_test_id("preview-count").wait_for()
        send.click()
        expect(page.get_by_test_id("wrong-until")).to_have_text(ZH["form.error.passed"])
        expect(page.get_by_test_id("until")).to_have_attribute("aria-invalid", "true")
        page.get_by_role("button", name=ZH["silences.length.1"]).click()
        send.click()
        expect(page.get_by_test_id("wrong-reason")).to_have_text(ZH["form.error.reason"])
        expect(page.get_by_test_id("wrong-until")).to_be_hidden()
        expect(page.get_by_test_id("silence-reason")).to_have_value("a")
        expect(page.get_by_test_id("choose-match.place")).to_contain_text("cam-1")
        assert not re.search(r"[a-z]{4,} should|at \$", page.locator("main").inner_text())


def test_a_monitor_sees_silences_and_shelves_but_does_not_silence(web: Web, page: Page, site: str) -> None:
    open_page(web, page, site, "monitor")
    expect(page.get_by_test_id("new-silence")).to_have_count(0)
    expect(page.get_by_test_id("new-window")).to_have_count(0)
    page.get_by_test_id("new-shelf").click()
    page.get_by_test_id("shelf-site").select_option(site)
    page.get_by_test_id("shelf-place").select_option("cam-1")
    page.get_by_test_id("shelf-send").click()
    expect(page.get_by_test_id("wrong-reason")).to_have_text(EN["form.error.reason"])
    page.get_by_test_id("shelf-reason").fill("a branch")
    page.get_by_test_id("shelf-send").click()
    item = page.get_by_test_id("shelf-list").get_by_test_id("item")
    expect(item).to_contain_text("a branch")
    item.get_by_test_id("end").click()
    page.get_by_test_id("confirm").click()
    expect(item).to_have_count(0)


def test_ux_07_a_weekly_window_is_planned_in_the_sites_time(web: Web, browser: Browser) -> None:
    """The browser is in New York, the site in Shanghai."""
    with browser.new_context(timezone_id="America/New_York") as context:
        page = context.new_page()
        log_in(web, page, USER, path="/silences?new=window")
        page.get_by_test_id("window-site").select_option("village")
        expect(page.get_by_test_id("zone")).to_contain_text("Asia/Shanghai")
        page.get_by_test_id("choose-devices").click()
        page.get_by_test_id("find-devices").fill("yard")
        page.get_by_test_id("find-devices").press("Enter")
        page.get_by_test_id("window-weekly").check()
        page.get_by_test_id("window-reason").fill("cleaning")
        page.get_by_role("button", name=EN["silences.length.today"]).click()
        local = page.get_by_test_id("until").input_value()
        assert local.endswith("T00:00"), "the end of the day at the site"
        page.get_by_test_id("window-send").click()
        expect(page.get_by_test_id("form-problem").or_(page.locator(".wrong:visible"))).to_contain_text(
            EN["form.error.empty"]
        )
        page.get_by_label(EN["silences.day.1"]).check()
        with page.expect_response(lambda it: it.request.method == "POST" and "maintenance" in it.url) as answer:
            page.get_by_test_id("window-send").click()
        made = answer.value.json()
        assert made["until"].endswith("T16:00:00.000000000Z"), "midnight in Shanghai"
        item = page.get_by_test_id("window-list").get_by_test_id("item").filter(has_text="cleaning").first
        expect(item).to_contain_text("22:00")
        item.get_by_test_id("end").click()
        page.get_by_test_id("confirm").click()
        expect(page.get_by_test_id("page-status")).to_have_text(EN["silences.window.ended"])


def test_ux_26_a_session_that_ends_keeps_the_form_with_its_fields(web: Web, page: Page, site: str) -> None:
    name = open_page(web, page, site, "supervisor", "?new=silence")
    choose(page, "site", site)
    choose(page, "place", "cam-2")
    page.get_by_test_id("silence-reason").fill("building work")
    assert app.remove_user(web.parts.core.settings, name)
    page.get_by_test_id("session-ended").wait_for(timeout=20_000)
    app.add_user(web.parts.core.settings, name, Secret(PASSWORD), [RoleAssignment("supervisor", site)])
    page.get_by_test_id("login-name").fill(name)
    page.get_by_test_id("login-password").fill(PASSWORD)
    page.get_by_test_id("login-submit").click()
    expect(page.get_by_test_id("silence-reason")).to_have_value("building work")
    expect(page.get_by_test_id("choose-match.place")).to_contain_text("cam-2")
