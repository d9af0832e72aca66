"""The dashboard in a real browser, fed by a real broker through the real API."""

from __future__ import annotations

import re
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from agg_support import Sender, Web, add_staff, entered, event, log_in, wait_until
from playwright.sync_api import Locator, Page, expect

from aggregator.domain.read_models import AlertQuery
from common.clock import SystemClock
from protocol import receipts
from protocol.event_types import CameraCovered, Data, DoorClosed, DoorForced


def jpeg() -> bytes:
    picture = np.full((90, 160, 3), (120, 90, 60), np.uint8)
    return bytes(cv2.imencode(".jpg", picture)[1].tobytes())


@pytest.fixture
def sender(web: Web) -> Iterator[Sender]:
    made = Sender(web.broker_port, web.account, "browser-box")
    yield made
    made.close()


@pytest.fixture
def asked(page: Page) -> set[str]:
    """Hosts that the page has asked for anything."""
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    return hosts


def enter(page: Page, web: Web) -> str:
    """Open the queue as a new user of this file's area: what other files send is not in it, and begins no flood."""
    page.route("**/api/flood*", lambda route: route.fulfill(json=NO_FLOOD))
    name = add_staff(web, "supervisor@village/stairs")
    log_in(web, page, name)
    page.get_by_test_id("health").filter(has_text="normal").wait_for()
    return name


NO_FLOOD = {"active": False, "since": None, "recent": 0, "operators": 1, "starts_above": 10, "ends_below": 5}
_next = [0]


def seen(sender: Sender, data: Data, *, picture: bytes | None = None) -> None:
    _next[0] += 1
    sender.send(
        event(
            _next[0],
            data,
            time_ns=SystemClock().wall_ns(),
            box="browser-box",
            place="stairs-1",
            picture=picture,
            number=5000 + _next[0],
        )
    )


def shown(page: Page, text: str) -> Locator:
    """The row of an alert that has come; new ones wait behind a button while the list has rows."""
    row, pill = page.get_by_test_id("alert-row").filter(has_text=text).first, page.get_by_test_id("new-alerts")
    wait_until(lambda: row.is_visible() or pill.is_visible())
    if not row.is_visible():
        pill.click()
    expect(row).to_be_visible()
    return row


def test_an_alert_appears_and_is_acknowledged(page: Page, web: Web, sender: Sender, asked: set[str]) -> None:
    name = enter(page, web)
    seen(sender, entered("stairwell-a", "bicycle"), picture=jpeg())
    sender.wait()
    row = shown(page, "Two-wheeler")
    expect(row.get_by_test_id("alert-severity")).to_have_text("High")
    row.click()
    picture = page.get_by_test_id("alert-picture")
    expect(picture).to_be_visible()
    wait_until(lambda: picture.evaluate("it => it.naturalWidth") == 160)
    expect(page.get_by_test_id("detail-kind")).to_have_text("Two-wheeler in a prohibited zone")
    expect(page.get_by_test_id("alert-detail")).to_contain_text("Stone Bridge <Village>")
    expect(page.get_by_test_id("media-caption")).to_contain_text("GMT+8")
    seen(sender, entered("stairwell-a", "bicycle"))
    expect(row.get_by_test_id("alert-count")).to_have_text("×2")
    page.keyboard.press("a")
    expect(row.get_by_test_id("alert-state")).to_have_text(f"acknowledged {name}")
    page.keyboard.press("c")
    page.keyboard.press("2")
    expect(row.get_by_test_id("alert-state")).to_have_text("closed: false alarm")
    closed = AlertQuery(status="closed", place="stairs-1", kinds=frozenset({"zone.entered"}))
    wait_until(lambda: bool(web.parts.core.reader.alerts(closed)))  # the page shows a decision before it is stored
    page.get_by_test_id("filter-status").select_option("closed")
    expect(page.get_by_test_id("alert-row").filter(has_text="Two-wheeler").first).to_contain_text("false alarm")
    expect(page.get_by_test_id("history-entry").filter(has_text=name).first).to_be_visible()
    assert asked == {web.url.removeprefix("http://")}


def test_an_event_without_a_picture_has_a_row_too(page: Page, web: Web, sender: Sender) -> None:
    enter(page, web)
    seen(sender, CameraCovered())
    sender.wait()
    shown(page, "Camera covered").click()
    expect(page.get_by_test_id("stage")).to_contain_text("No picture")
    expect(page.get_by_test_id("alert-picture")).to_have_count(0)


def test_ux_02_a_forced_door_that_closes_again_stays_until_a_person_has_seen_it(
    page: Page, web: Web, sender: Sender
) -> None:
    enter(page, web)
    seen(sender, DoorForced(door="stairs-1"))
    seen(sender, DoorClosed(door="stairs-1"))
    sender.wait()
    row = shown(page, "Door forced")
    expect(row).to_contain_text("not acknowledged")
    row.click()
    expect(page.get_by_test_id("alert-detail")).to_contain_text("ended")
    expect(page).to_have_title(re.compile(r"^‼ \(\d+\) "))


def test_the_devices_follow_what_boxes_report(page: Page, web: Web, sender: Sender) -> None:
    log_in(web, page, add_staff(web, "installer"))
    cameras = [receipts.CameraStatus(id="stairs-1", name="<b>East</b> gate", state="frozen", fps=14.6)]
    status = receipts.BoxStatus(online=True, version="9.9", outbox_waiting=7, cameras=cameras)
    sender.raw(receipts.encode(status), sender.topics.status)
    with web.logged_in() as client:
        wait_until(lambda: "browser-box" in client.get("/api/boxes").text)
    page.reload()
    row = page.get_by_test_id("camera-row").filter(has_text="<b>East</b> gate")
    expect(row).to_contain_text("frozen")
    box = page.get_by_test_id("box-row").filter(has_text="browser-box")
    expect(box).to_contain_text("7 events waiting")
    sender.raw(receipts.encode(receipts.BoxStatus(online=False)), sender.topics.status)
    expect(box).to_contain_text("offline", timeout=20_000)
    before = page.get_by_test_id("quarantine-count").inner_text()
    sender.raw(b"{nonsense %d" % SystemClock().wall_ns())
    expect(page.get_by_test_id("quarantine-count")).not_to_have_text(before, timeout=20_000)


def test_ux_29_the_dead_letter_count_is_for_those_with_the_right(page: Page, web: Web) -> None:
    log_in(web, page, add_staff(web, "monitor"), path="/devices")
    expect(page.get_by_test_id("device-summary")).not_to_be_empty()
    expect(page.get_by_test_id("quarantine-count")).to_be_hidden()


def test_the_language_is_switched_and_remembered(page: Page, web: Web) -> None:
    enter(page, web)
    page.goto(f"{web.url}/devices")
    page.get_by_test_id("user-menu").locator("summary").click()
    page.get_by_test_id("language").click()
    expect(page.locator("h1")).to_have_text("设备")
    assert page.url == f"{web.url}/devices"
    page.reload()
    expect(page.locator("h1")).to_have_text("设备")


def test_logging_out_ends_open_pages_too(page: Page, web: Web) -> None:
    enter(page, web)
    other = page.context.new_page()
    other.goto(web.url)
    expect(other.get_by_test_id("health")).to_have_text("All components normal")
    page.get_by_test_id("user-menu").locator("summary").click()
    page.get_by_test_id("logout").click()
    expect(page.get_by_test_id("login-name")).to_be_visible()
    expect(other.get_by_test_id("login-name")).to_be_visible()
