"""More alerts than fit: the most urgent stay, what is not shown is counted, and no button leaves the screen."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from agg_support import Sender, Web, add_staff, event, log_in, wait_until
from playwright.sync_api import Page, expect

from aggregator.domain.read_models import AlertQuery
from aggregator.web.dashboard.alerts_page import MAX_CARDS
from common.clock import SystemClock
from protocol.event_types import CameraLost, Data, DoorForced

CAMERAS = 104
SITE = "crowd"
"""Of this file only: its board shows no other alerts, and other boards need not show these."""


@pytest.fixture
def sender(web: Web) -> Iterator[Sender]:
    made = Sender(web.broker_port, web.account, "many-box", site=SITE)
    yield made
    made.close()


def send(sender: Sender, number: int, data: Data, place: str) -> None:
    now_ns = SystemClock().wall_ns()
    sender.send(event(number, data, time_ns=now_ns, box="many-box", site=SITE, place=place, number=70_000 + number))


def test_a_forced_door_stays_on_the_board_while_a_hundred_cameras_are_lost(
    web: Web, page: Page, sender: Sender
) -> None:
    log_in(web, page, add_staff(web, f"supervisor@{SITE}"))
    page.get_by_test_id("alerts").wait_for(state="attached")
    send(sender, 1, DoorForced(door="vault"), "vault")
    forced = page.locator("[data-testid=alert-card].critical").filter(has_text="vault")
    expect(forced).to_be_visible(timeout=20_000)
    for number in range(CAMERAS):
        send(sender, 2 + number, CameraLost(), f"many-{number:03}")
    sender.wait()
    expect(page.get_by_test_id("alert-card")).to_have_count(MAX_CARDS, timeout=20_000)
    reader = web.parts.core.reader
    open_ = reader.alert_count(AlertQuery(status="open", site=SITE))
    assert open_ == CAMERAS + 1
    for _ in range(2):
        expect(page.get_by_test_id("alert-card").first).to_have_class(re.compile("card critical open"), timeout=20_000)
        expect(forced).to_be_visible()
        expect(page.get_by_test_id("more-alerts")).to_contain_text(f"{open_ - MAX_CARDS} more alerts")
        page.reload()
    card = page.get_by_test_id("alert-card").nth(3)
    card.get_by_test_id("acknowledge").click()
    wait_until(lambda: any(it.acknowledged_by for it in reader.alerts(AlertQuery(site=SITE, limit=500))))
    expect(page.get_by_test_id("alert-card")).to_have_count(MAX_CARDS)


def test_accounts_are_there_when_the_page_opens(web: Web, page: Page) -> None:
    log_in(web, page)
    page.goto(f"{web.url}/staff")
    expect(page.get_by_test_id("account").first).to_be_visible()
