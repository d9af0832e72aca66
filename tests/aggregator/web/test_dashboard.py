"""The dashboard in a real browser, fed by a real broker."""

from __future__ import annotations

import re
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from agg_support import Sender, Web, add_staff, entered, event, log_in, wait_until
from playwright.sync_api import Page, expect

from common.clock import SystemClock
from protocol import receipts
from protocol.event_types import CameraCovered


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
    """Open the board as a new user of this file's area: what other files send is not on it."""
    name = add_staff(web, "supervisor@village/stairs")
    log_in(web, page, name)
    page.get_by_test_id("alerts").wait_for(state="attached")
    return name


_next = [0]


def seen(sender: Sender, zone: str, *, picture: bytes | None = None, covered: bool = False) -> None:
    _next[0] += 1
    data = CameraCovered() if covered else entered(zone, "bicycle")
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


def test_a_card_appears_and_is_acknowledged(page: Page, web: Web, sender: Sender, asked: set[str]) -> None:
    name = enter(page, web)
    seen(sender, "stairwell-a", picture=jpeg())
    card = page.get_by_test_id("alert-card").filter(has_text="stairwell-a")
    picture = card.get_by_test_id("alert-picture")
    expect(picture).to_be_visible()
    wait_until(lambda: picture.evaluate("it => it.naturalWidth") == 160)
    expect(card.get_by_test_id("alert-kind")).to_contain_text("Two-wheeler in a prohibited zone")
    expect(card.get_by_test_id("alert-severity")).to_have_text("High")
    expect(card).to_contain_text("Stone Bridge <Village>")
    seen(sender, "stairwell-a")
    expect(card.get_by_test_id("alert-count")).to_have_text("2 times")
    card.get_by_test_id("acknowledge").focus()
    page.keyboard.press("Enter")
    expect(card.get_by_test_id("alert-state")).to_contain_text(f"Acknowledged by {name}")
    expect(card.get_by_test_id("acknowledge")).to_be_hidden()
    card.get_by_test_id("resolve").click()
    expect(card).to_have_count(0)
    page.get_by_test_id("filter-all").click()
    expect(card.get_by_test_id("alert-state")).to_contain_text("Resolved")
    assert asked == {web.url.removeprefix("http://")}


def test_an_event_without_a_picture_has_a_card_too(page: Page, web: Web, sender: Sender) -> None:
    enter(page, web)
    seen(sender, "", covered=True)
    card = page.get_by_test_id("alert-card").filter(has_text="Camera covered")
    expect(card).to_contain_text("No picture")
    expect(card.get_by_test_id("alert-picture")).to_have_count(0)


def test_panels_follow_what_boxes_tell(page: Page, web: Web, sender: Sender) -> None:
    enter(page, web)
    cameras = [receipts.CameraStatus(id="stairs-1", name="<b>East</b> gate", state="frozen", fps=14.6)]
    status = receipts.BoxStatus(online=True, version="9.9", outbox_waiting=7, cameras=cameras)
    sender.raw(receipts.encode(status), sender.topics.status)
    row = page.get_by_test_id("camera-health").get_by_test_id("camera-row").filter(has_text="<b>East</b> gate")
    expect(row).to_contain_text("frozen")
    box = page.get_by_test_id("box-status").get_by_test_id("box-row").filter(has_text="browser-box")
    expect(box).to_contain_text("7 waiting")
    sender.raw(receipts.encode(receipts.BoxStatus(online=False)), sender.topics.status)
    expect(box).to_contain_text("offline")
    before = page.get_by_test_id("quarantine-count").inner_text()
    sender.raw(b"{nonsense %d" % SystemClock().wall_ns())
    expect(page.get_by_test_id("quarantine-count")).not_to_have_text(before)
    expect(page.get_by_test_id("quarantine-count")).to_have_text(re.compile(r"Quarantined messages: \d+"))


def test_the_language_is_switched_and_remembered(page: Page, web: Web) -> None:
    enter(page, web)
    page.get_by_test_id("language").click()
    expect(page.get_by_test_id("filter-work")).to_have_text("待处理")
    page.reload()
    expect(page.get_by_test_id("filter-work")).to_have_text("待处理")


def test_logging_out_ends_open_pages_too(page: Page, web: Web) -> None:
    enter(page, web)
    other = page.context.new_page()
    other.goto(web.url)
    expect(other.get_by_test_id("health")).to_have_text("All components normal")
    page.get_by_test_id("logout").click()
    expect(page.get_by_test_id("login-name")).to_be_visible()
    expect(other.get_by_test_id("login-name")).to_be_visible()
