"""Merging and splitting alerts on the queue, and what the history says of it."""

from __future__ import annotations

import pytest
from agg_support import USER, Web, log_in
from playwright.sync_api import Page, expect
from queue_kit import FakeApi, made, until


@pytest.fixture
def api(page: Page) -> FakeApi:
    found = FakeApi()
    found.install(page)
    return found


def test_selected_alerts_are_merged_by_name_and_refusals_are_said(web: Web, page: Page, api: FakeApi) -> None:
    one, two, three = (made(it, "high") for it in (3, 2, 1))
    api.put(one, two, three, made(9, "low", site="elsewhere"))
    log_in(web, page, USER)
    page.get_by_test_id("acknowledge").wait_for()
    page.keyboard.press("m")
    expect(page.get_by_test_id("toast-info")).to_contain_text("Select two or more open alerts")
    for key in ("x", "j", "x"):
        page.keyboard.press(key)
    page.get_by_test_id("bulk-merge").click()
    dialog = page.get_by_test_id("merge-dialog")
    expect(dialog).to_contain_text("Merge 2 alerts")
    expect(dialog).to_contain_text("Door forced · Camera 3")
    expect(dialog).to_contain_text("Camera lost · Camera 2")
    expect(dialog.get_by_test_id("merge-kept").nth(1)).to_be_checked()
    api.failing = 503
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("dialog-problem")).to_contain_text("The database does not answer")
    api.failing = 0
    dialog.get_by_test_id("merge-kept").first.check()
    page.get_by_test_id("dialog-send").click()
    expect(dialog).to_have_count(0)
    assert api.posted[-1] == (f"/api/alerts/{one['id']}/merge", {"alerts": [two["id"]]})
    expect(page.get_by_test_id("toast-good")).to_contain_text("Merged 1 alert into: Door forced · Camera 3")
    expect(page.get_by_test_id("alert-detail")).to_have_attribute("data-alert", one["id"])
    gone = page.locator(f"#alert-{two['id']}")
    expect(gone).to_contain_text("merged into another alert")
    page.keyboard.press("x")
    page.keyboard.press("End")
    page.keyboard.press("x")
    page.keyboard.press("m")
    expect(page.get_by_test_id("toast-info").last).to_contain_text("Only alerts of the same site")


def test_chosen_events_are_split_off_and_the_history_names_the_alerts(web: Web, page: Page, api: FakeApi) -> None:
    alert = made(3, "high", count=3)
    api.put(alert)
    ids = [f"01890000-0000-7000-8000-{it:012}" for it in (7, 8, 9)]
    moment = "2026-11-27T08:44:00Z"
    api.events = [{"id": it, "kind": "door.forced", "time": moment, "picture": None} for it in ids]
    entry = {"time": moment, "actor": "li", "via": "dashboard"}
    names = [{"kind": "zone.entered", "box": "gate-1", "place": "pond"}]
    api.history = [
        {"id": ids[0], "action": "split", "detail": {"count": 1, "into": ids[2]}, **entry},
        {"id": ids[1], "action": "absorbed", "detail": {"alerts": [ids[1]], "names": names, "count": 3}, **entry},
    ]
    log_in(web, page, USER)
    history = page.get_by_test_id("history-entry")
    expect(history.first).to_contain_text("split · 1 event · the new alert")
    expect(history.last).to_contain_text("merged into it · Zone entered · pond · and 2 more")
    assert history.last.get_by_test_id("history-alert").get_attribute("href") == f"/?alert={ids[1]}"
    page.keyboard.press("p")
    dialog = page.get_by_test_id("split-dialog")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("dialog-problem")).to_have_text("Select one or more events.")
    for box in dialog.get_by_test_id("split-event").all():
        box.check()
    page.get_by_test_id("dialog-send").click()
    expect(page.get_by_test_id("dialog-problem")).to_have_text("Leave at least one event in the alert.")
    dialog.get_by_test_id("split-event").first.uncheck()
    page.get_by_test_id("dialog-send").click()
    until(page, lambda: len(api.posted) == 1)
    assert api.posted == [(f"/api/alerts/{alert['id']}/split", {"events": ids[1:], "version": 1})]
    page.get_by_test_id("toast-good").get_by_role("button", name="Show").click()
    expect(page.get_by_test_id("alert-detail")).to_have_attribute("data-alert", f"{alert['id'][:-6]}999999")
