"""The installer's first page: devices, those with problems first, each with its reason and since when."""

from __future__ import annotations

from agg_support import Sender, Web, add_staff, log_in
from playwright.sync_api import Browser, Page, expect

from protocol.receipts import BoxStatus, CameraStatus, encode

SITE = "installed"


def test_ux_12_the_installer_sees_what_is_broken_why_and_since_when(web: Web, page: Page) -> None:
    lost = CameraStatus(
        id="cam-2", name="Lift hall", state="lost", since="2026-11-27T08:31:00.000000000Z",
        problem="10.0.0.7 port 554: connection refused",
    )  # fmt: skip
    cameras = [CameraStatus(id="cam-1", name="Gate", state="up"), lost]
    sender = Sender(web.broker_port, web.account, "box-12", site=SITE)
    try:
        status = BoxStatus(online=True, epoch="ab12", timezone="Asia/Shanghai", cameras=cameras)
        sender.raw(encode(status), sender.topics.status)
        log_in(web, page, add_staff(web, f"installer@{SITE}"))
        page.wait_for_url("**/devices")
        rows = page.get_by_test_id("camera-row")
        expect(rows).to_have_count(2)
        expect(rows.first).to_contain_text("Lift hall")
        expect(rows.first).to_contain_text("connection refused")
        expect(rows.first).to_contain_text("16:31:00")
        expect(rows.first).to_contain_text("Check the camera's power and network cable")
        expect(rows.last).not_to_contain_text("since")
        expect(rows.last).not_to_contain_text("Check")
    finally:
        sender.close()


def test_a_chinese_page_says_what_the_box_reports_in_chinese_and_an_older_box_in_its_own_words(
    web: Web, browser: Browser
) -> None:
    cameras = [
        CameraStatus(id="cam-1", name="甲", state="refused", problem="10.0.0.7: wrong password", code="source.login"),
        CameraStatus(id="cam-2", name="乙", state="lost", problem="10.0.0.8: no route to host"),
    ]
    sender = Sender(web.broker_port, web.account, "box-13", site="chinese")
    try:
        sender.raw(encode(BoxStatus(online=True, epoch="ab12", cameras=cameras)), sender.topics.status)
        with browser.new_context(locale="zh-CN") as context:
            page = context.new_page()
            log_in(web, page, add_staff(web, "installer@chinese"))
            rows = page.get_by_test_id("camera-row")
            expect(rows.filter(has_text="甲")).to_contain_text("摄像头用户名或密码错误。")
            expect(rows.filter(has_text="甲")).not_to_contain_text("wrong password")
            expect(rows.filter(has_text="乙")).to_contain_text("no route to host")
    finally:
        sender.close()
