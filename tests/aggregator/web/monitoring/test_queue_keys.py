"""The queue by keyboard alone."""

from __future__ import annotations

import pytest
from agg_support import USER, Web, log_in
from playwright.sync_api import Page, expect
from queue_kit import FakeApi, made, until

MOST_KEYS, MOST_STOPS = 250, 5


@pytest.fixture
def api(page: Page) -> FakeApi:
    found = FakeApi()
    found.install(page)
    return found


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.dataset.testid || document.activeElement.tagName"))


def test_ux_20_few_tab_stops_to_the_first_acknowledge_and_the_focus_stays(web: Web, page: Page, api: FakeApi) -> None:
    api.put(*(made(it, "high") for it in range(5)))
    log_in(web, page, USER)
    page.get_by_test_id("acknowledge").wait_for()
    stops = 0
    while focused(page) != "acknowledge":
        page.keyboard.press("Tab")
        stops += 1
        assert stops <= MOST_STOPS
    page.keyboard.press("Enter")
    until(page, lambda: len(api.posted) == 1)
    assert focused(page) != "BODY"
    page.keyboard.press("a")
    until(page, lambda: len(api.posted) == 2)
    assert focused(page) != "BODY"
    assert len({path for path, _ in api.posted}) == 2, "each went to the next alert"


def test_help_is_asked_for_with_a_note_that_is_not_lost(web: Web, page: Page, api: FakeApi) -> None:
    alert = made(1, "high", acknowledgement="acknowledged", acknowledged_by="li")
    api.put(alert, made(2, "low", status="closed"))
    log_in(web, page, USER)
    page.get_by_test_id("escalate").wait_for()
    page.keyboard.press("e")
    page.get_by_test_id("note-text").fill("three people, I am alone")
    api.failing = 503
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("dialog-problem")).to_contain_text("The database does not answer")
    expect(page.get_by_test_id("note-text")).to_have_value("three people, I am alone")
    api.failing = 0
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("escalate-dialog")).to_have_count(0)
    path, body = api.posted[-1]
    assert (path, body["note"]) == (f"/api/alerts/{alert['id']}/escalate", "three people, I am alone")
    expect(page.get_by_test_id("toast-good")).to_contain_text("The next level is being notified")
    expect(page.get_by_test_id("detail-state")).to_contain_text("not acknowledged")


def test_help_is_asked_for_one_alert_also_where_it_is_selected(web: Web, page: Page, api: FakeApi) -> None:
    one, two = made(1, "high"), made(2, "high")
    api.put(one, two)
    log_in(web, page, USER)
    page.get_by_test_id("escalate").wait_for()
    for key in ("x", "e", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_test_id("toast-good")).to_contain_text("The next level is being notified")
    assert api.posted[-1][0].endswith("/escalate")
    expect(page.get_by_test_id("bulk")).to_contain_text("1 selected")


def test_no_help_is_promised_for_an_alert_that_was_closed_meanwhile(web: Web, page: Page, api: FakeApi) -> None:
    alert = made(1, "high")
    api.put(alert, made(2, "low"))
    log_in(web, page, USER)
    page.get_by_test_id("escalate").wait_for()
    page.keyboard.press("e")
    page.get_by_test_id("note-text").fill("hurry")
    api.push(page, {**alert, "status": "closed", "outcome": "real", "version": alert["version"] + 1})
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("dialog-problem")).to_contain_text("This action does not apply")
    expect(page.get_by_test_id("note-text")).to_have_value("hurry")
    expect(page.get_by_test_id("toast-good")).to_have_count(0)
    assert api.posted == []


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("severity: a critical alert is shelved by a supervisor only", "shelved by a supervisor only"),
        ("to: no user of this name may work on this alert", "Nobody of this name may work on this alert"),
        ("escalation: no chain covers this alert; a supervisor can add one", "No escalation chain covers this alert"),
        ("reason: write 3 to 200 printable characters", "The reason has 3 to 200 characters"),
        ("note: it has a control character", "The note is too long, or has characters"),
        ("hidden: nobody is notified of a shelved or silenced alert", "Nobody is notified of a hidden alert"),
    ],
)
def test_why_a_decision_was_refused_is_said(web: Web, page: Page, api: FakeApi, said: str, shown: str) -> None:
    api.put(made(1, "critical"), made(2, "critical"))
    api.failing = said
    log_in(web, page, USER)
    page.get_by_test_id("acknowledge").wait_for()
    page.keyboard.press("a")
    expect(page.get_by_test_id("toast-bad")).to_contain_text(shown)
    page.get_by_test_id("toast-bad").get_by_role("button").last.click()
    for key in ("x", "k", "x", "a"):
        page.keyboard.press(key)
    expect(page.get_by_test_id("toast-bad").last).to_contain_text("2 alerts could not be updated")
    expect(page.get_by_test_id("toast-bad").last).to_contain_text(shown)


def test_a_hundred_alerts_are_worked_with_the_keyboard_in_few_keys(web: Web, page: Page, api: FakeApi) -> None:
    """Every kind of decision: acknowledge, false alarm, real, test, shelve, and a note to some."""
    api.put(*(made(it, ("critical", "high", "medium", "low")[it % 4]) for it in range(100)))
    log_in(web, page, USER)
    page.get_by_test_id("acknowledge").wait_for()
    keys = 0

    def press(*names: str) -> None:
        nonlocal keys
        for name in names:
            page.keyboard.press(name)
            keys += 1

    for number in range(100):
        if number % 10 == 0:
            press("s", "2")
        elif number % 3 == 0:
            press("c", "1")
        elif number % 3 == 1:
            press("f")
        else:
            press("a")
    until(page, lambda: len(api.posted) == 100)
    assert len({path.split("/")[3] for path, _ in api.posted}) == 100, "each alert once"
    assert keys <= MOST_KEYS


def test_keys_move_select_and_show_help(web: Web, page: Page, api: FakeApi) -> None:
    api.put(*(made(it, "high") for it in range(50)))
    log_in(web, page, USER)
    rows = page.locator(".row.current")
    page.get_by_test_id("acknowledge").wait_for()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(rows).to_have_attribute("aria-posinset", "2")
    page.keyboard.press("End")
    expect(rows).to_have_attribute("aria-posinset", "50")
    expect(rows).to_be_in_viewport()
    page.keyboard.press("?")
    expect(page.get_by_test_id("help-dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.keyboard.type("jack calls")
    expect(page.get_by_test_id("note-text")).to_have_value("jack calls")
    expect(rows).to_have_attribute("aria-posinset", "50")


def test_control_k_jumps_to_an_alert(web: Web, page: Page, api: FakeApi) -> None:
    api.put(made(1, "high", camera_name="North gate"), made(2, "high", camera_name="Pond"))
    log_in(web, page, USER)
    page.get_by_test_id("acknowledge").wait_for()
    page.keyboard.press("Control+k")
    page.get_by_test_id("palette-input").fill("pond")
    expect(page.get_by_test_id("palette-entry")).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url("**alert=*")
    expect(page.get_by_test_id("alert-detail")).to_contain_text("Pond")


def test_two_quick_decisions_about_one_alert_do_not_conflict(web: Web, page: Page, api: FakeApi) -> None:
    api.put(made(1, "high"))
    log_in(web, page, USER)
    page.get_by_test_id("acknowledge").wait_for()
    for key in ("a", "c", "2"):
        page.keyboard.press(key)
    expect(page.get_by_test_id("alert-state")).to_have_text("closed: false alarm")
    until(page, lambda: len(api.posted) == 2)  # the page shows a decision before it is sent
    assert [body["version"] for _, body in api.posted] == [1, 2]
    expect(page.get_by_test_id("toast-bad")).to_have_count(0)
