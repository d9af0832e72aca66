"""Footage as film with real parts: recorder → box → redactor → WebSocket → aggregator → WebSocket → MSE in Chromium."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from agg_support import PASSWORD, USER, Web, log_in, wait_until
from picture_box import SITE_ZONE, Running, camera_views, choose_camera, show_today
from playwright.sync_api import Page, expect
from web.test_live_web import MOVED, OTHER, closed, running_views, socket_of
from web.test_search_web import new_case

from aggregator import app
from aggregator.domain.accounts.authorization import RoleAssignment
from aggregator.services.box_command_service import BoxCommandService
from aggregator.web.api.video.live import DONE, REFUSED
from common.clock import MILLISECOND_NS
from common.errors import CommandError
from common.secret import Secret
from protocol.commands import Reply
from protocol.live_frames import FrameType
from protocol.problems import close_code

from picture_box import running  # noqa: F401  # isort: skip


def past(web: Web, start_s: float, end_s: float, **changed: object) -> Mapping[str, object]:
    """Seconds ago."""
    now_ms = web.parts.core.clock.wall_ns() // MILLISECOND_NS
    told = {"from_ms": now_ms - round(start_s * 1000), "to_ms": now_ms - round(end_s * 1000), "reason": "lost dog"}
    return told | changed


@pytest.mark.timeout(240)
def test_a_day_plays_in_the_browser_and_the_slider_goes_along(
    web: Web,
    running: Running,  # noqa: F811
    page: Page,
) -> None:
    running.recorded(30)
    log_in(web, page)
    page.get_by_test_id("page-footage").click()
    show_today(page, "yard", "the lost dog")
    expect(page.get_by_test_id("still-picture")).to_be_visible(timeout=20_000)
    for _ in range(3):
        page.get_by_test_id("scrub").press("ArrowLeft")
    begun = int(page.get_by_test_id("scrub").input_value())
    midnight = datetime.now(SITE_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    shown = f"[data-testid=still-picture][data-at_ms='{(round(midnight.timestamp()) + begun) * 1000}']"
    expect(page.locator(shown)).to_be_visible(timeout=20_000)  # the still of this second
    playhead = page.get_by_test_id("playhead")
    before = float(playhead.get_attribute("x1") or -1)
    page.get_by_test_id("play").click()
    page.wait_for_function(MOVED, arg=0.5, timeout=30_000)
    poster = page.get_by_test_id("live-video").get_attribute("poster") or ""
    assert poster.startswith("data:image/jpeg"), "the still stays until the first frame"
    expect(page.get_by_test_id("live-told")).to_contain_text(f"Blurred video of {datetime.now(SITE_ZONE):%Y-}")
    expect(page.get_by_test_id("still-picture")).to_be_hidden()
    slider = "s => Number(document.querySelector('[data-testid=scrub]').value) > s"
    page.wait_for_function(slider, arg=begun + 1, timeout=30_000)
    assert float(playhead.get_attribute("x1") or -1) > before >= 0, "the playhead goes along"
    page.get_by_test_id("mark-in").click()
    expect(page.get_by_test_id("marked-range")).to_contain_text("Marked: ")
    marked = page.get_by_test_id("marked-range").inner_text().removeprefix("Marked: ").split(" ")[0]
    hours, minutes, seconds = (int(it) for it in marked.split(":"))
    assert begun < hours * 3600 + minutes * 60 + seconds < begun + 20, "what is shown is marked, not where it began"
    assert running_views(running) == 1
    expect(page.get_by_test_id("play")).to_have_text("Pause")
    page.get_by_test_id("play").click()
    expect(page.get_by_test_id("play")).to_have_text("Play")
    wait_until(lambda: running_views(running) == 0, 30)
    act = [it for it in camera_views(web) if "command" not in it.detail][-1]  # a still is a view of its own
    assert (act.who, act.reason, act.site) == (USER, "the lost dog", "village")
    assert act.target.startswith("pictures/yard")
    assert set(act.detail) == {"from", "to"}


def test_the_camera_of_the_form_counts_from_the_next_show_on(
    web: Web,
    running: Running,  # noqa: F811
    page: Page,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running.recorded(10)
    log_in(web, page, path="/footage")
    show_today(page, "yard", "the lost dog")
    expect(page.get_by_test_id("still-picture")).to_be_visible(timeout=20_000)
    choose_camera(page, "yard-265")
    before = len(camera_views(web))
    page.get_by_test_id("scrub").press("ArrowLeft")
    wait_until(lambda: len(camera_views(web)) > before, 20)
    assert {it.target for it in camera_views(web)[before:]} == {"pictures/yard"}, "the line is that camera's"

    page.get_by_test_id("scrub").evaluate("it => { it.value = 0; it.dispatchEvent(new Event('change')); }")
    expect(page.get_by_role("alert").filter(has_text="no footage")).to_be_visible()
    expect(page.get_by_test_id("still-picture")).to_have_count(0)  # none of another moment stays
    send = BoxCommandService.send

    async def slow(*asked: Any, **more: Any) -> Reply:
        await asyncio.sleep(1)
        return await send(*asked, **more)

    monkeypatch.setattr(BoxCommandService, "send", slow)
    page.get_by_test_id("show-footage").click()
    page.get_by_test_id("play").click()
    expect(page.get_by_test_id("play")).to_have_text("Pause")
    expect(page.get_by_test_id("play")).to_have_text("Play")  # what was begun for the camera before has ended
    expect(page.get_by_test_id("live-video")).to_be_hidden()
    expect(page.get_by_test_id("still-picture")).to_be_visible()

    async def silent(*_: object, **_more: object) -> None:
        raise CommandError("the box does not answer")

    monkeypatch.setattr(BoxCommandService, "send", silent)
    page.get_by_test_id("show-footage").click()
    for name in ("day-line", "still-picture"):
        expect(page.get_by_test_id(name)).to_have_count(0)
    for name in ("scrub", "play", "mark-in"):
        expect(page.get_by_test_id(name)).to_be_hidden()


def test_a_stretch_ends_by_itself_and_its_case_is_on_the_record(web: Web, running: Running) -> None:  # noqa: F811
    running.recorded(30)
    with web.logged_in() as client:
        case = new_case(client)
    with socket_of(web, USER, PASSWORD, route="play") as socket:
        socket.send(json.dumps(past(web, 8, 5, reason=f" {case} ")))
        assert "now_ms" in str(socket.recv(timeout=20))
        kinds = [socket.recv(timeout=20, decode=False)[0] for _ in range(3)]
        assert kinds == [FrameType.INIT, FrameType.KEY, FrameType.FRAME]
        assert closed(socket) == DONE
    act = [it for it in camera_views(web) if "command" not in it.detail][-1]  # a still is a view of its own
    assert (act.case, act.reason, act.target) == (case, case, "pictures/yard")
    wait_until(lambda: running_views(running) == 0, 30)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"reason": "x"}, REFUSED),
        ({"reason": "  x  "}, REFUSED),
        ({"reason": "x" * 201}, REFUSED),
        ({"reason": "the lost\x00 dog"}, REFUSED),
        ({"reason": "the lost\n dog"}, REFUSED),
        ({"to_ms": 1}, REFUSED),
        ({"from_ms": 1}, REFUSED),
        ({"from_ms": "now"}, REFUSED),
        ({"from_ms": 2**62}, REFUSED),
        ({"track": 4}, REFUSED),
    ],
)
def test_what_is_asked_for_wrongly_is_refused_and_nothing_is_shown(
    web: Web, changed: dict[str, object], code: int
) -> None:
    before = len(camera_views(web))
    with socket_of(web, USER, PASSWORD, route="play") as socket:
        socket.send(json.dumps(past(web, 8, 5, **changed)))
        assert closed(socket) == code
        assert next(iter(changed)) in (socket.close_reason or ""), "the field is named"
    assert len(camera_views(web)) == before


def test_bytes_and_silence_are_no_question(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.web.api.video.live.ASKED_S", 0.2)
    for message in (b"\0", b"", None):
        with socket_of(web, USER, PASSWORD, route="play") as socket:
            if message is not None:
                socket.send(message)
            assert closed(socket) == REFUSED


def test_without_footage_the_box_says_so_and_the_look_is_on_the_record(web: Web, running: Running) -> None:  # noqa: F811
    assert running.box.footage is not None
    before = len(camera_views(web))
    with socket_of(web, USER, PASSWORD, route="play") as socket:
        socket.send(json.dumps(past(web, 7200, 7000)))
        assert closed(socket) == close_code("footage.none")
    assert len(camera_views(web)) == before + 1


def test_who_may_look_live_may_not_look_back(web: Web, running: Running) -> None:  # noqa: F811
    assert running.box.footage is not None
    app.add_user(web.parts.core.settings, "guard", Secret(OTHER), [RoleAssignment("monitor", "village")])
    with pytest.raises(Exception, match="403"):
        socket_of(web, "guard", OTHER, route="play")
    app.add_user(web.parts.core.settings, "looker", Secret(OTHER), [RoleAssignment("investigator", "harbour")])
    with pytest.raises(Exception, match="403"):
        socket_of(web, "looker", OTHER, route="play")
