"""The queue's script against a small API of the test: order, new alerts, actions and errors."""

from __future__ import annotations

import json
import re

import pytest
from agg_support import USER, Web, add_staff, log_in
from playwright.sync_api import Browser, Page, expect
from queue_kit import FakeApi, made, until

ROW = "[data-testid=alert-row]"
TOPS = """() => [...document.querySelectorAll('[data-testid=alert-row]')]
  .map(it => [it.getBoundingClientRect().top, it.dataset.alert]).sort((a, b) => a[0] - b[0]).map(it => it[1])"""

WIDE_ENOUGH = """it => {
  const width = it.offsetWidth;
  it.style.maxWidth = "none";
  const whole = it.offsetWidth <= width;
  it.style.maxWidth = "";
  return whole;
}"""


def installed(page: Page) -> FakeApi:
    found = FakeApi()
    found.install(page)
    return found


@pytest.fixture
def api(page: Page) -> FakeApi:
    return installed(page)


def enter(web: Web, page: Page, query: str = "") -> None:
    log_in(web, page, USER, path=f"/{query}")
    page.get_by_test_id("health").filter(has_text="normal").wait_for()
    page.wait_for_function("window.feed !== undefined")


def order(page: Page) -> list[str]:
    return list(page.evaluate(TOPS))


def selected(page: Page) -> str:
    return str(page.get_by_test_id("alert-detail").get_attribute("data-alert"))


def test_ux_01_the_critical_one_is_first_and_all_are_counted(web: Web, page: Page, api: FakeApi) -> None:
    api.put(*(made(it, "high") for it in range(103)), *(made(200 + it, "medium") for it in range(109)))
    critical = made(999, "critical")
    api.put(critical)
    enter(web, page)
    page.locator(ROW).first.wait_for()
    assert order(page)[0] == critical["id"]
    expect(page.get_by_test_id("count-critical")).to_contain_text("1")
    expect(page.get_by_test_id("count-high")).to_contain_text("103")
    expect(page).to_have_title(re.compile(r"^‼ \(213\) "))
    page.keyboard.press("End")
    page.keyboard.press("End")
    until(page, lambda: page.evaluate("document.querySelector('.space').offsetHeight") == 213 * 56)


def test_ux_05_a_new_alert_moves_nothing_under_the_pointer(web: Web, page: Page, api: FakeApi) -> None:
    api.put(*(made(it, "high") for it in range(40)))
    enter(web, page)
    page.locator(ROW).nth(3).click()
    before, box = order(page), page.get_by_test_id("acknowledge").bounding_box()
    api.push(page, made(500, "critical"))
    pill = page.get_by_test_id("new-alerts")
    expect(pill).to_have_text("▲ 1 new · 1 critical")
    assert order(page) == before
    assert page.get_by_test_id("acknowledge").bounding_box() == box
    row = page.locator(f"[data-alert='{selected(page)}'][role=option]")
    place = row.bounding_box()
    pill.click()
    expect(pill).to_be_hidden()
    expect(row).to_have_attribute("aria-setsize", "41")
    now = row.bounding_box()
    assert place is not None
    assert now is not None
    assert now["y"] == place["y"], "the selected row keeps its place on the screen"


def test_a_span_is_in_the_time_of_the_site_and_new_alerts_after_it_do_not_wait(web: Web, browser: Browser) -> None:
    with browser.new_context(timezone_id="America/New_York") as context:
        page = context.new_page()
        api = installed(page)
        api.put(made(1))
        enter(web, page, "?site=village&time=range&from=2026-11-27T08:00&to=2026-11-27T18:00")
        page.locator(ROW).first.wait_for()
        asked = [it for it in api.asked if "limit=100" in it][-1]
        assert "from=2026-11-27T00%3A00%3A00Z&to=2026-11-27T10%3A00%3A00Z" in asked
        api.push(page, made(2, first="2026-11-27T10:00:01Z"), made(3, first="2026-11-27T09:59:59Z"))
        expect(page.get_by_test_id("new-alerts")).to_have_text("▲ 1 new")


def test_a_span_that_is_no_time_is_left_out(web: Web, page: Page, api: FakeApi) -> None:
    api.put(made(1))
    enter(web, page, "?time=range&from=yesterday&to=")
    expect(page.locator(ROW)).to_have_count(1)


def test_ux_03_events_after_the_acknowledgement_are_shown(web: Web, page: Page, api: FakeApi) -> None:
    api.put(
        made(1, "critical", acknowledgement="acknowledged", acknowledged_by="wang", count=450, since_acknowledged=442)
    )
    enter(web, page)
    expect(page.locator(ROW)).to_contain_text("+442 since")
    expect(page.locator(ROW)).to_contain_text("acknowledged wang")


def test_ux_10_picture_and_clip_say_their_times(web: Web, page: Page, api: FakeApi) -> None:
    alert = made(
        1, "high", count=516, first="2026-11-26T08:10:02.5Z", last="2026-11-26T08:42:10Z", has_clip=True,
        picture="/api/pictures/x",
    )  # fmt: skip
    api.events = [{"id": "x", "kind": "zone.entered", "time": "2026-11-26T08:42:10Z", "picture": "/api/pictures/x"}]
    api.put(alert)
    enter(web, page)
    expect(page.get_by_test_id("media-caption")).to_contain_text("2026-11-26 16:42:10 GMT+8")
    expect(page.get_by_test_id("detail-times")).to_contain_text(
        "first 2026-11-26 16:10:02 · last 2026-11-26 16:42:10 GMT+8"
    )
    page.keyboard.press(" ")
    caption = page.get_by_test_id("media-caption")
    expect(caption).to_contain_text("2026-11-26 16:09:52 to 2026-11-26 16:10:22 GMT+8")
    expect(caption).to_contain_text("the newest was at 2026-11-26 16:42:10")


def test_an_alert_says_why_there_is_no_clip_until_it_is_there(web: Web, page: Page, api: FakeApi) -> None:
    shown = made(3, "high")
    api.put(shown)
    api.clip = {"state": "wanted", "problem": "", "problem_code": ""}
    enter(web, page, f"?alert={shown['id']}")
    says = page.get_by_test_id("clip-state")
    expect(says).to_have_text("Requested, waiting for the box.")
    api.clip = {"state": "failed", "problem": "no footage of <b>then</b>", "problem_code": "footage.none"}
    api.push(page, shown | {"version": 2})
    expect(says).to_have_text("The clip cannot be made. no footage of <b>then</b>")
    expect(page.get_by_test_id("tool-clip")).to_have_count(0)
    api.clip = {"state": "stored", "problem": "", "problem_code": ""}
    api.push(page, shown | {"version": 3, "has_clip": True})
    expect(says).to_have_text("")
    expect(page.get_by_test_id("tool-clip")).to_be_visible()


def test_an_alert_of_a_hundred_events_fits_the_page(web: Web, page: Page, api: FakeApi) -> None:
    shown = made(3, "high", count=100, note="x" * 2000)
    api.put(shown)
    noted = {"time": shown["last"], "actor": "li", "via": "dashboard", "action": "noted"}
    api.history = [{"id": "h-1", **noted, "detail": {"note": "x" * 2000}}]
    api.events = [
        {"id": f"e-{it}", "kind": shown["kind"], "time": f"2026-11-27T08:{it % 60:02}:00Z", "picture": None}
        for it in range(100)
    ]
    enter(web, page, f"?alert={shown['id']}")
    expect(page.get_by_test_id("event")).to_have_count(100)
    widths = "[document.querySelector('.detail').scrollWidth, document.querySelector('.detail').clientWidth]"
    whole, visible = page.evaluate(widths)
    assert whole <= visible, "the row of events scrolls by itself, and long words break"


def test_ux_11_older_alerts_are_found_by_filters_that_stand_in_the_address(web: Web, page: Page, api: FakeApi) -> None:
    api.put(made(1, "high"), made(2, "low", status="closed", outcome="real", kind="door.forced"))
    enter(web, page)
    expect(page.locator(ROW)).to_have_count(1)
    assert page.get_by_test_id("filter-suppressed").evaluate(WIDE_ENOUGH)
    page.get_by_test_id("filter-status").select_option("closed")
    expect(page.locator(ROW)).to_contain_text("closed: real")
    page.get_by_test_id("filter-kind").select_option("door.forced")
    page.get_by_test_id("filter-time").select_option("week")
    until(page, lambda: any("order=newest" in it and "from=" in it and "kind=door.forced" in it for it in api.asked))
    assert "status=closed" in page.url
    assert "kind=door.forced" in page.url
    page.reload()
    expect(page.locator(ROW)).to_contain_text("closed: real")
    page.get_by_test_id("filter-kind").select_option("zone.left")
    expect(page.get_by_test_id("no-alerts")).to_have_text("No alerts match the filters.")


def test_ux_25_names_stand_where_ids_stood(web: Web, page: Page, api: FakeApi) -> None:
    api.put(made(1, "high", camera="cam-1", camera_name="North gate"))
    enter(web, page)
    expect(page.locator(ROW)).to_contain_text("North gate")
    assert "cam-1" not in page.locator("main").inner_text()


def test_a_door_has_no_live_view_and_its_id_is_not_shown(web: Web, page: Page, api: FakeApi) -> None:
    door = {"kind": "door", "site": "village", "box": "gate-1", "id": "hall", "name": "Hall door"}
    page.route("**/api/places", lambda route: route.fulfill(json={"places": [door]}))
    fields = {"camera": "hall", "camera_name": "Hall door", "kind": "door.forced", "subject": "hall"}
    api.put(made(2, "critical", **fields), made(1, "high"))
    enter(web, page)
    detail = page.get_by_test_id("alert-detail")
    expect(detail).to_contain_text("Hall door")
    expect(page.get_by_test_id("tool-live")).to_have_count(0)
    expect(page.get_by_test_id("tool-footage")).to_have_count(0)
    expect(page.get_by_test_id("detail-times")).not_to_contain_text("hall")
    page.keyboard.press("l")
    expect(page.locator(".tile")).to_have_count(0)
    page.keyboard.press("j")
    expect(page.get_by_test_id("tool-live")).to_be_visible()
    expect(page.get_by_test_id("tool-footage")).to_be_visible()


def test_a_name_with_markup_stays_text(web: Web, page: Page, api: FakeApi) -> None:
    api.put(made(1, "high", camera_name="<img src=x onerror=alert(1)>", note="<script>x</script>", subject="<i>a</i>"))
    enter(web, page)
    expect(page.locator(ROW)).to_contain_text("<img src=x onerror=alert(1)>")
    expect(page.get_by_test_id("alert-detail")).to_contain_text("<script>x</script>")


def test_an_action_that_fails_is_said_and_the_alert_is_as_it_was(web: Web, page: Page, api: FakeApi) -> None:
    api.put(made(1, "high"), made(2, "high"))
    enter(web, page)
    page.locator(ROW).first.wait_for()
    first = selected(page)
    api.failing = 503
    page.keyboard.press("a")
    expect(page.get_by_test_id("toast-bad")).to_contain_text("The database does not answer. Nothing was changed")
    expect(page.locator(f"#alert-{first}")).to_contain_text("not acknowledged")
    api.failing = 0
    page.get_by_test_id("toast-bad").get_by_role("button", name="Show").click()
    page.keyboard.press("a")
    expect(page.locator(f"#alert-{first}")).to_contain_text("acknowledged")


def test_a_change_by_somebody_else_is_said_with_the_state_of_now(web: Web, page: Page, api: FakeApi) -> None:
    api.put(made(1, "high"), made(2, "high"))
    enter(web, page)
    page.locator(ROW).first.wait_for()
    first = selected(page)
    api.alerts[first] |= {"version": 7, "acknowledgement": "acknowledged", "acknowledged_by": "wang"}
    page.keyboard.press("a")
    expect(page.get_by_test_id("toast-bad")).to_contain_text("acknowledged wang")
    expect(page.locator(f"#alert-{first}")).to_contain_text("acknowledged wang")


def test_a_note_is_not_lost_where_the_store_does_not_answer(web: Web, page: Page, api: FakeApi) -> None:
    api.put(made(1, "high"))
    enter(web, page)
    page.locator(ROW).first.wait_for()
    api.failing = 503
    page.keyboard.press("n")
    page.get_by_test_id("note-text").fill("guard is on the way")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("dialog-problem")).to_contain_text("The database does not answer")
    expect(page.get_by_test_id("note-text")).to_have_value("guard is on the way")
    api.failing = 0
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("note-dialog")).to_have_count(0)
    assert api.posted[-1][1]["note"] == "guard is on the way"


def test_selected_alerts_are_changed_together(web: Web, page: Page, api: FakeApi) -> None:
    api.put(*(made(it, "high") for it in range(12)))
    enter(web, page)
    page.locator(ROW).first.wait_for()
    for _ in range(3):
        page.keyboard.press("x")
        page.keyboard.press("j")
    expect(page.get_by_test_id("bulk")).to_contain_text("3 selected")
    page.keyboard.press("a")
    expect(page.get_by_test_id("toast-good")).to_have_text(re.compile("3 alerts updated"))
    path, body = api.posted[-1]
    assert (path, len(body["ids"]), body["action"]) == ("/api/alerts/bulk", 3, "acknowledge")
    expect(page.get_by_test_id("bulk")).to_be_hidden()


def test_who_may_not_work_sees_and_cannot_act(web: Web, page: Page, api: FakeApi) -> None:
    api.put(made(1, "high"))
    log_in(web, page, add_staff(web, "responder"), path="/")
    page.locator(ROW).first.wait_for()
    expect(page.get_by_test_id("acknowledge")).to_have_count(0)
    page.keyboard.press("a")
    expect(page.get_by_test_id("toast-info")).to_have_text(re.compile("Your roles do not allow this"))
    assert api.posted == []


def test_a_link_to_an_alert_opens_it(web: Web, page: Page, api: FakeApi) -> None:
    closed = made(7, "low", status="closed", outcome="test")
    api.put(made(1, "high"), closed)
    enter(web, page, f"?alert={closed['id']}")
    expect(page.get_by_test_id("detail-state")).to_have_text("closed: test")


def test_the_feed_says_that_all_must_be_read_again(web: Web, page: Page, api: FakeApi) -> None:
    api.put(made(1, "high"))
    enter(web, page)
    page.locator(ROW).first.wait_for()
    api.put(made(2, "critical"))
    page.evaluate("feed.heard.reset({})")
    expect(page.locator(ROW)).to_have_count(2)


def test_five_hundred_changes_at_once_keep_the_page_usable(web: Web, page: Page, api: FakeApi) -> None:
    api.put(*(made(it, "high") for it in range(600)))
    enter(web, page)
    page.locator(ROW).first.wait_for()
    changed = [{**it, "version": 2, "count": 99} for it in list(api.alerts.values())[100:]]
    for _ in range(10):
        page.evaluate("it => feed.onmessage({data: it})", json.dumps({"alerts": changed, "counts": api.counts()}))
    expect(page.locator(ROW).first).to_contain_text("×99")
    assert page.locator(ROW).count() < 40, "only the rows in sight are in the document"
