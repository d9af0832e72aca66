"""The pages of gates, doors and lists, in a real browser, with a box's own parts at the other end."""

from __future__ import annotations

from pathlib import Path

import pytest
from agg_support import JPEG, START_NS, USER, Sender, Web, event, log_in, wait_until
from playwright.sync_api import Page, expect
from web.test_list_api import box

from aggregator.domain.audit import audit_entry
from common.clock import SystemClock
from protocol.event_types import DoorForced, VehicleRegistered, VehicleUnlisted
from protocol.identifiers import to_rfc3339
from protocol.receipts import BoxStatus, DoorStatus, GateStatus, encode

PSEUDONYM = "0123456789abcdef"


@pytest.fixture
def page_in(web: Web, page: Page) -> Page:
    log_in(web, page)
    return page


def test_gates_and_doors_are_shown_and_a_gate_is_opened(web: Web, page_in: Page, tmp_path: Path) -> None:
    sender = Sender(web.broker_port, web.account, "gate-9")
    opened = to_rfc3339(SystemClock().wall_ns())
    door = DoorStatus(id="hall", name="Hall <3>", state="held", opened=opened, held_limit_s=30)
    status = BoxStatus(
        online=True, epoch="ab12", gates=[GateStatus(name="gate-cam", camera="gate-cam")], doors=[door]
    )  # fmt: skip
    try:
        sender.raw(encode(status), sender.topics.status)
        page_in.get_by_test_id("page-gates").click()
        expect(page_in.get_by_test_id("gates").locator("article")).to_have_count(1)
        held = page_in.get_by_test_id("doors").locator("article")
        expect(held).to_contain_text("Hall <3>")
        expect(held).to_contain_text("held open")
        expect(held).to_contain_text("Stone Bridge <Village>")
        expect(held.get_by_test_id("held-timer")).to_contain_text("limit 30 s")
        passed = VehicleRegistered(gate="gate-cam", confidence=0.98, opened=True, vehicle=PSEUDONYM)
        stranger = VehicleUnlisted(gate="gate-cam", confidence=0.9, opened=False)
        sender.send(
            event(1, passed, place="gate-cam", box="gate-9", number=901, picture=JPEG),
            event(2, stranger, place="gate-cam", box="gate-9", number=902, time_ns=START_NS + 1),
            event(3, DoorForced(door="hall"), place="hall", box="gate-9", number=903),
        )
        passages = page_in.get_by_test_id("gates").get_by_test_id("passage")
        expect(passages).to_have_count(2)
        expect(passages.nth(0)).to_contain_text("Unlisted vehicle")
        expect(passages.nth(1)).to_contain_text("opened · 98 %")
        expect(page_in.get_by_test_id("gate-picture")).to_be_attached()
        assert PSEUDONYM not in page_in.content()
        expect(held.get_by_test_id("passage")).to_contain_text("Door forced")
        with box(web, tmp_path) as (_, commands):
            page_in.get_by_test_id("open-gate").click()
            page_in.get_by_test_id("reason").fill("ambulance")
            page_in.get_by_test_id("do-it").click()
            wait_until(lambda: len(commands) == 1)
            expect(page_in.get_by_text("Done.")).to_be_visible()
        assert [(it.by, it.reason, it.target) for it in commands] == [(USER, "ambulance", "gate-cam")]
    finally:
        sender.wait()
        sender.close()


def test_a_list_is_edited_and_the_look_is_on_the_record(web: Web, page_in: Page) -> None:
    page_in.goto(f"{web.url}/lists")
    before = looks(web)
    assert "京C55555" not in page_in.content()
    page_in.get_by_test_id("new-text").fill("京c·55555")
    page_in.get_by_test_id("new-owner").fill("house <9>")
    page_in.get_by_test_id("add-entry").click()
    row = page_in.get_by_test_id("list-entry").filter(has_text="京C55555")
    expect(row).to_contain_text("house <9>")
    expect(row).to_contain_text("registered")
    assert looks(web) > before
    row.get_by_test_id("remove-entry").click()
    expect(row).to_have_count(0)
    page_in.get_by_test_id("new-text").fill("x")
    page_in.get_by_test_id("add-entry").click()
    expect(page_in.get_by_text("Not a valid plate for this site")).to_be_visible()


def looks(web: Web) -> int:
    recorded = (audit_entry.decode(entry) for _, entry in web.parts.core.reader.audit_entries(0, 100_000))
    return sum(it.what == "list.viewed" and it.who == USER for it in recorded)
