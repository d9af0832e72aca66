"""The procedure of the selected alert, and closing with required steps open."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from agg_support import USER, Web, add_staff, log_in
from axe_kit import axe_source, violations
from playwright.sync_api import Browser, Page, expect
from queue_kit import FakeApi, made, until

SENTENCE = "Required steps are not ticked off (1). Tick them off, or say in the note why not."


def step(number: int, required: bool) -> dict[str, Any]:
    """A step that nobody has ticked off."""
    texts = {"en": f"Step <b>{number}</b>.", "zh_CN": f"第 {number} 步。"}
    return {"number": number, "required": required, "done_by": "", "done": None, **texts}


@pytest.fixture
def api(page: Page) -> FakeApi:
    found = FakeApi(steps=[step(1, required=True), step(2, required=False)])
    found.put(made(1, "high"), made(2, "high"))
    found.install(page)
    return found


def enter(web: Web, page: Page, name: str = USER) -> str:
    """The selected alert's id."""
    log_in(web, page, name)
    page.get_by_test_id("step-1").wait_for()
    return str(page.get_by_test_id("alert-detail").get_attribute("data-alert"))


def test_a_step_is_ticked_off_by_keyboard_and_says_who_and_when(web: Web, page: Page, api: FakeApi) -> None:
    alert = enter(web, page)
    expect(page.get_by_test_id("procedure")).to_contain_text("Step <b>1</b>.")
    expect(page.get_by_test_id("procedure")).to_contain_text("required")
    page.get_by_test_id("step-1").focus()
    page.keyboard.press(" ")
    expect(page.get_by_test_id("step-1-done")).to_have_text("done by li, 2026-11-27 16:44:00")
    assert api.ticked == [(alert, 1, True)]
    expect(page.get_by_test_id("step-1")).to_be_focused()
    page.keyboard.press(" ")
    expect(page.get_by_test_id("step-1-done")).to_be_empty()
    assert api.ticked[-1] == (alert, 1, False)
    assert violations(page, axe_source()) == []


def test_a_tick_that_fails_is_taken_back_and_said(web: Web, page: Page, api: FakeApi) -> None:
    enter(web, page)
    api.failing = 503
    page.get_by_test_id("step-2").click()
    expect(page.get_by_test_id("procedure-problem")).to_contain_text("The database does not answer")
    expect(page.get_by_test_id("step-2")).not_to_be_checked()
    api.failing = 0
    page.get_by_test_id("step-2").check()
    expect(page.get_by_test_id("step-2-done")).to_contain_text("done by li")
    expect(page.get_by_test_id("procedure-problem")).to_be_hidden()


def test_who_may_not_work_cannot_tick(web: Web, page: Page, api: FakeApi) -> None:
    log_in(web, page, add_staff(web, "responder"), path="/")
    expect(page.get_by_test_id("step-1")).to_be_disabled()
    expect(page.get_by_test_id("tool-rule")).to_have_count(0)


def test_closing_with_required_steps_open_asks_for_a_note_and_keeps_it(web: Web, page: Page, api: FakeApi) -> None:
    alert = enter(web, page)
    page.keyboard.press("f")
    expect(page.get_by_test_id("reason-why")).to_have_text(SENTENCE)
    expect(page.get_by_test_id("note-text")).to_be_focused()
    assert page.get_by_test_id("alert-detail").get_attribute("data-alert") == alert
    expect(page.locator(f"#alert-{alert}")).to_contain_text("not acknowledged")
    assert violations(page, axe_source()) == []
    page.keyboard.type("guard sees the cat")
    api.failing = 503
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("dialog-problem")).to_contain_text("The database does not answer")
    expect(page.get_by_test_id("note-text")).to_have_value("guard sees the cat")
    api.failing = 0
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("reason-dialog")).to_have_count(0)
    path, body = api.posted[-1]
    assert path == f"/api/alerts/{alert}/close", "the same alert, though the selection has moved on"
    assert (body["outcome"], body["note"]) == ("false_alarm", "guard sees the cat")


def test_a_note_typed_for_closing_goes_to_the_same_alert_when_it_is_sent_again(
    web: Web, page: Page, api: FakeApi
) -> None:
    alert = enter(web, page)
    api.failing = 503
    page.keyboard.press("c")
    page.get_by_test_id("note-text").fill("checked on site")
    page.get_by_test_id("choice-real").click()
    expect(page.get_by_test_id("dialog-problem")).to_contain_text("The database does not answer")
    expect(page.get_by_test_id("note-text")).to_have_value("checked on site")
    api.failing = 0
    page.get_by_test_id("choice-real").click()
    expect(page.get_by_test_id("close-dialog")).to_have_count(0)
    assert [path for path, _ in api.posted] == [f"/api/alerts/{alert}/close"] * 2


def test_a_test_alarm_is_closed_without_steps(web: Web, page: Page, api: FakeApi) -> None:
    alert = enter(web, page)
    page.keyboard.press("c")
    page.keyboard.press("3")
    expect(page.locator(f"#alert-{alert}")).to_contain_text("closed: test")
    expect(page.get_by_test_id("reason-dialog")).to_have_count(0)


def test_alerts_closed_together_ask_once_for_all_that_have_steps_open(web: Web, page: Page, api: FakeApi) -> None:
    enter(web, page)
    refused = "note: required steps are not ticked off (1); tick them off, or say in the note why not"
    sent: list[dict[str, Any]] = []

    def bulk(route: Any) -> None:
        body = json.loads(route.request.post_data)
        sent.append(body)
        ok = bool(body.get("note"))
        results = [
            {"id": it, "result": "done" if ok else "refused", "error": "" if ok else refused, "alert": None}
            for it in body["ids"]
        ]
        route.fulfill(status=200, content_type="application/json", body=json.dumps({"results": results}))

    page.route(re.compile("/api/alerts/bulk"), bulk)
    for key in ("x", "j", "x", "f"):
        page.keyboard.press(key)
    expect(page.get_by_test_id("reason-why")).to_contain_text("Required steps of 2 alerts are not ticked off.")
    page.keyboard.type("one cause")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("reason-dialog")).to_have_count(0)
    until(page, lambda: len(sent) == 2)
    assert sorted(sent[1]["ids"]) == sorted(api.alerts)
    assert sent[1]["note"] == "one cause"


def test_the_rule_of_an_alert_is_one_link_away(web: Web, page: Page, api: FakeApi) -> None:
    api.alerts.clear()
    api.put(made(1, "high", camera="cam & 1", subject="yard #2"))
    enter(web, page)
    link = page.get_by_test_id("tool-rule")
    expect(link).to_have_text("Rule and false alarms")
    assert link.get_attribute("href") == (
        "/reports?site=village&box=gate-1&place=cam+%26+1&kind=door.held&subject=yard+%232#rule"
    )


def test_steps_and_link_are_in_the_readers_language(web: Web, browser: Browser) -> None:
    with browser.new_context(locale="zh-CN") as context:
        page = context.new_page()
        found = FakeApi(steps=[step(1, required=True)])
        found.put(made(1, "high"))
        found.install(page)
        enter(web, page)
        expect(page.get_by_test_id("procedure")).to_contain_text("第 1 步。")
        expect(page.get_by_test_id("tool-rule")).to_have_text("规则与误报")
