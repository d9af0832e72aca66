"""A night in the monitoring room, with real parts: boxes' events over MQTT, the aggregator's process, a webhook, a mail
server, and Chromium for the monitor, for the one who is called at home, and for the next shift.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from agg_support import entered, plain_client, wait_until
from centre_kit import SITE, Centre, running_centre
from playwright.sync_api import Browser, Page, expect

from protocol.event_types import CameraCovered, CameraLost, Data, DoorDenied, DoorDuress, DoorForced

MONITOR, ON_CALL, TOWN, NEXT = "wang", "duty", "town", "zhao"
PEOPLE = {MONITOR: "monitor", ON_CALL: "monitor", TOWN: "supervisor", NEXT: "monitor"}
VILLAGE = {"name": "Stone Bridge Village", "timezone": "Asia/Shanghai", "areas": {"halls": ["door-1"]}}
NOTE = "The lock of hall 1 is broken; the locksmith comes at 9."
FAST, SLOW = {"critical": 0.05}, {"critical": 60, "high": 60}
"""Minutes: 3 s for the alert that is left alone, an hour for all others."""
SEEN: tuple[tuple[str, Data], ...] = (
    ("door-2", DoorDuress(door="door-2")), ("cam-1", CameraLost()), ("cam-2", CameraCovered()), ("cam-3", entered()),
    ("cam-4", entered()), ("door-3", DoorDenied(door="door-3")), ("door-1", DoorForced(door="door-1")),
)  # fmt: skip
"""Critical, high, high, medium, medium, low; and the critical one that is left alone."""


def chain(areas: list[str], minutes: Mapping[str, float]) -> dict[str, Any]:
    levels = [(f"user:{ON_CALL}", "on call"), (f"user:{TOWN}", "town")]
    return {"areas": areas, "levels": [{"notify": [who], "name": it, "minutes": minutes} for who, it in levels]}


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    escalation = {SITE: {"chains": {"halls": chain(["halls"], FAST), "rest": chain(["*"], SLOW)}}}
    with running_centre(tmp_path, PEOPLE, sites={SITE: VILLAGE}, escalation=escalation) as made:
        yield made


@pytest.mark.timeout(240)
def test_a_night_shift(centre: Centre, browser: Browser) -> None:
    for name, target in ((ON_CALL, centre.webhook.url()), (TOWN, centre.mailbox.url(f"{TOWN}@example.com"))):
        with centre.client(name) as client:
            assert client.post("/api/me/notifications", json={"url": target, "language": "en"}).status_code == 201
    centre.send(1, *SEEN)
    centre.sender.wait()
    with browser.new_context(locale="en-US") as mine, browser.new_context(locale="en-US") as home:
        page = mine.new_page()
        centre.log_in(page, MONITOR)
        work_the_queue(page)
        with centre.client(MONITOR) as client:
            left = check_decisions(client)
            escalates(centre, client, left)
            answer_by_link(centre, client, home.new_page(), left)
        expect(page.locator(f"[role=option][data-alert='{left}']")).to_contain_text(f"acknowledged {TOWN}")
        leave(centre, page)
        take_over(centre, browser)


def work_the_queue(page: Page) -> None:
    """All of it with the keyboard."""
    expect(page.get_by_test_id("alert-row")).to_have_count(len(SEEN))
    expect(page.get_by_test_id("count-critical")).to_contain_text("2")
    expect(page.locator("[aria-posinset='1']")).to_contain_text("critical", ignore_case=True)
    go_to(page, "Duress")
    page.keyboard.press("a")
    go_to(page, "Camera lost")
    page.keyboard.press("s")
    page.keyboard.press("2")
    go_to(page, "covered")
    page.keyboard.press("n")
    page.get_by_test_id("note-text").fill("A spider's web; cleaned in the morning.")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("note-dialog")).to_have_count(0)
    page.keyboard.press("a")
    for place in ("cam-3", "cam-4"):
        go_to(page, place)
        page.keyboard.press("c")
        page.keyboard.press("2")
    go_to(page, "door-3")
    page.keyboard.press("f")
    go_to(page, "forced")


def go_to(page: Page, text: str) -> None:
    """Move with J until the row with this text is the current one."""
    detail = page.get_by_test_id("alert-detail")
    page.keyboard.press("Home")
    for number in range(1, len(SEEN) + 1):
        expect(page.locator(".row.current")).to_have_attribute("aria-posinset", str(number))
        if text in detail.inner_text():
            return
        page.keyboard.press("j")
    raise AssertionError(f"no alert with {text!r}")


def check_decisions(client: httpx2.Client) -> str:
    """What the monitor decided is what the server has, with the monitor's name; the id of the one left alone."""

    def stored() -> dict[str, dict[str, Any]]:
        found = client.get("/api/alerts", params={"status": "all", "suppressed": "include"}).json()["alerts"]
        return {it["camera"]: it for it in found}

    wait_until(lambda: stored()["door-3"]["status"] == "closed")
    alerts = stored()
    outcomes = {place: it["outcome"] for place, it in alerts.items() if it["status"] == "closed"}
    assert outcomes == dict.fromkeys(("cam-3", "cam-4", "door-3"), "false_alarm")
    assert {it["acknowledged_by"] for place, it in alerts.items() if place in ("door-2", "cam-2")} == {MONITOR}
    assert alerts["cam-2"]["note"].startswith("A spider's web")
    assert alerts["cam-1"]["suppression"]["kind"] == "shelved"
    assert alerts["door-1"]["acknowledgement"] == "unacknowledged"
    return str(alerts["door-1"]["id"])


def escalates(centre: Centre, client: httpx2.Client, alert: str) -> None:
    """The webhook of who is on call, then a mail to the town; neither for what the monitor has dealt with."""
    wait_until(lambda: len(centre.mailbox.mails) == 1, 40)
    assert any("door-1" in it["message"] and it["type"] == "failure" for it in centre.webhook.bodies)
    assert "door-1" in centre.mailbox.texts()[0]
    assert actions(client, alert)[:1] == ["opened"]
    assert {"escalated", "notified"} <= set(actions(client, alert))


def actions(client: httpx2.Client, alert: str) -> list[str]:
    """The alert's history, the oldest first."""
    return [it["action"] for it in reversed(client.get(f"/api/alerts/{alert}").json()["history"])]


def answer_by_link(centre: Centre, client: httpx2.Client, page: Page, alert: str) -> None:
    """A mail scanner fetches the link, and a person opens it: nothing happens. Its button acknowledges, once."""

    def state() -> str:
        return str(client.get(f"/api/alerts/{alert}").json()["alert"]["acknowledgement"])

    link = re.search(r"http://\S+/acknowledge/[\w.-]+", centre.mailbox.texts()[0])
    assert link is not None
    with plain_client(centre.url) as scanner:
        assert scanner.get(link[0]).status_code == 200
    page.goto(link[0])
    assert state() == "unacknowledged"
    page.get_by_test_id("acknowledge").click()
    expect(page.get_by_role("status")).to_contain_text(TOWN)
    assert state() == "acknowledged"
    page.goto(link[0])
    expect(page.get_by_test_id("acknowledge")).to_have_count(0)


def leave(centre: Centre, page: Page) -> None:
    """The monitor writes a note and signs what is handed over."""
    page.goto(f"{centre.url}/shift")
    content = page.get_by_test_id("shift-content")
    for kind in ("Door forced", "Camera lost"):
        expect(content).to_contain_text(kind)
    expect(content).not_to_contain_text("Zone entered")
    page.get_by_test_id("shift-note").fill(NOTE)
    page.get_by_test_id("hand-over").click()
    page.get_by_test_id("sign-leaving").click()
    expect(page.get_by_test_id("waiting")).to_be_visible()


def take_over(centre: Centre, browser: Browser) -> None:
    """The next shift reads it and signs too."""
    with browser.new_context(locale="en-US") as context:
        page = context.new_page()
        centre.log_in(page, NEXT)
        page.goto(f"{centre.url}/shift")
        page.get_by_test_id("read-waiting").click()
        expect(page.get_by_test_id("document")).to_contain_text(NOTE)
        page.get_by_test_id("take-over").click()
        expect(page.get_by_test_id("signatures")).to_contain_text(f"Taken over by {NEXT}")
    with centre.client(NEXT) as client:
        (signed,) = client.get("/api/handovers").json()["handovers"]
        assert (signed["left_by"], signed["taken_by"]) == (MONITOR, NEXT)
