"""Footage from the dashboard: real RTSP → recorder → box → broker → aggregator → Chromium."""

from __future__ import annotations

import pytest
import yaml
from playwright.sync_api import Page, expect
from test_main_job import log_in
from village_kit import Village, wait_until

from aggregator.domain.audit import audit_entry
from aggregator.storage import STORES
from demo import demo_site as settings
from demo.process_supervisor import trust_command
from models.files.store import ModelStore


@pytest.mark.timeout(240)
def test_a_day_is_shown_and_a_moment_of_it_blurred(page: Page, village: Village, models: ModelStore) -> None:
    assert models is not None  # fetched before the box starts
    (village.folder / "footage").mkdir()
    box = yaml.safe_load((village.folder / "box.yaml").read_text())
    box |= {"recorder": {"enabled": True, "reserve_mb": 16}, "trust_file": settings.TRUST}
    box |= {"uplink": {"url": village.url}}
    (village.folder / "box.yaml").write_text(yaml.safe_dump(box))
    village.start_aggregator()
    trust = village.folder / settings.TRUST
    assert trust_command(village.folder / "aggregator.yaml", settings.SITE, trust) == 0
    village.start_box()
    log_in(page, village)
    page.get_by_test_id("page-devices").click()
    page.get_by_test_id("camera-health").get_by_text("Walkway").wait_for(timeout=30_000)
    page.get_by_test_id("page-alerts").click()
    page.get_by_test_id("alert-row").first.wait_for(timeout=60_000)
    page.get_by_test_id("page-footage").click()
    page.get_by_test_id("show-footage").click()
    expect(page.get_by_text("Write at least 3 characters.")).to_be_visible()
    page.get_by_test_id("footage-case").fill("case A-2026-117")

    def shown() -> bool:
        page.get_by_test_id("show-footage").click()
        page.wait_for_timeout(700)
        return page.locator(".dayline rect.kept").count() == 1

    wait_until(shown, 60, "the line")
    picture, caption = page.get_by_test_id("still-picture"), page.get_by_test_id("still-time")
    expect(caption).to_contain_text("Blurred picture of")
    page.wait_for_timeout(12_000)  # some seconds of footage, to move in
    earlier = caption.inner_text()
    page.get_by_test_id("show-footage").click()
    expect(page.get_by_test_id("day-facts")).to_contain_text("kept 0.0 h")
    expect(caption).not_to_have_text(earlier)  # the line is new, its picture follows
    expect(picture).to_be_visible()
    assert picture.evaluate("it => it.naturalWidth") == 640
    expect(caption).to_contain_text("Blurred picture of")
    first = caption.inner_text()
    scrub = page.get_by_test_id("scrub")
    begin = int(scrub.input_value())
    scrub.press("ArrowLeft")
    expect(caption).not_to_have_text(first)
    second = caption.inner_text()
    assert int(scrub.input_value()) == begin - 1, "the picture does not move the slider back"
    scrub.press("ArrowLeft")
    expect(caption).not_to_have_text(second)
    assert int(scrub.input_value()) == begin - 2
    page.get_by_test_id("play").click()
    expect(page.get_by_test_id("play")).to_have_text("Pause")
    page.wait_for_function("document.querySelector('[data-testid=live-video]').currentTime > 0.3", timeout=30_000)
    reader = STORES["sqlite"](village.folder / "aggregator").reader()
    recorded = [audit_entry.decode(entry) for _, entry in reader.audit_entries(0, 1000)]
    views = [(it.what, it.who, it.reason, it.target) for it in recorded if it.what in ("search", "view")]
    assert ("search", "tester", "case A-2026-117", "gate-1/walkway") in views
    assert ("view", "tester", "case A-2026-117", "gate-1/walkway") in views
