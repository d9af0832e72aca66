"""Live views with real parts: RTSP → box → redactor → WebSocket → aggregator → WebSocket → MSE in Chromium."""

from __future__ import annotations

import re

import pytest
from agg_support import PASSWORD, USER, Web, add_staff, log_in, wait_until
from picture_box import Running, camera_views, recorded
from playwright.sync_api import Browser, Locator, Page, expect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from aggregator import app
from aggregator.auth.passwords import act_of
from aggregator.domain.accounts.account import DropUser
from aggregator.domain.accounts.authorization import RoleAssignment
from aggregator.domain.audit.audit_anomalies import SHOWN
from aggregator.web.api.video.live import ENDED
from aggregator.web.websocket_tasks import AWAY
from common.jobs.job import OPEN
from common.secret import Secret
from protocol.identifiers import from_rfc3339
from protocol.live_frames import FrameType
from protocol.signing.upload_tokens import live_path

from picture_box import running  # noqa: F401  # isort: skip

OTHER = "a password for somebody else"
MOVED = "(s) => document.querySelector('[data-testid=live-video]').currentTime > s"
LOUDEST = """() => { const v = document.querySelector('[data-testid=live-video]'), c = document.createElement('canvas');
  c.width = v.videoWidth; c.height = v.videoHeight; const g = c.getContext('2d'); g.drawImage(v, 0, 0);
  const d = g.getImageData(0, 0, c.width, c.height).data; let n = 0, x = 0;
  for (let i = 0; i < d.length; i += 4) if (d[i] > 200) { n++; x += (i / 4) % c.width; } return n ? x / n : -1; }"""
"""Where the bright square is: it walks."""


def tile_of(page: Page, camera: str) -> Locator:
    """The tile of a camera; the page shows one at a time, so that the scripts below find its video."""
    page.goto(f"{page.url.split('?')[0]}?size=1&camera=village/pictures/{camera}")
    tile = page.locator(f"[data-camera='village/pictures/{camera}']")
    tile.wait_for()
    return tile


def look(web: Web, page: Page, camera: str) -> None:
    log_in(web, page)
    page.get_by_test_id("page-live").click()
    tile_of(page, camera).get_by_test_id("live-start").click()


def running_views(box: Running) -> int:
    return box.box.jobs.queue.count("live", *OPEN)


def started(box: Running) -> int:
    return sum(job.kind == "live" for job in box.box.jobs.queue.jobs())


@pytest.mark.timeout(240)
@pytest.mark.parametrize("camera", ["yard", "yard-265"])
def test_pictures_move_in_the_browser_and_end_with_the_look(
    web: Web,
    running: Running,  # noqa: F811
    page: Page,
    camera: str,
) -> None:
    before = len(camera_views(web))
    look(web, page, camera)
    page.wait_for_function(MOVED, arg=0.5, timeout=30_000)
    places: set[int] = set()

    def moved() -> bool:
        """Frames whose search was late on a busy machine are black: they do not count."""
        page.wait_for_timeout(200)
        places.add(round(page.evaluate(LOUDEST)))
        return len(places - {-1}) > 2

    wait_until(moved, 120)
    expect(page.get_by_test_id("live-lag")).to_have_text(re.compile(r"LIVE \d|LATE \d|MASKED"))
    act = camera_views(web)[-1]
    assert len(camera_views(web)) == before + 1
    assert (act.who, act.site, act.target) == (USER, "village", f"pictures/{camera}")
    assert running_views(running) == 1
    page.get_by_test_id("live-stop").click()
    wait_until(lambda: running_views(running) == 0, 30)
    assert web.parts.use_cases.live.relay.views == {}


@pytest.mark.timeout(240)
def test_two_who_look_have_one_view_of_the_box(
    web: Web,
    running: Running,  # noqa: F811
    page: Page,
    browser: Browser,
) -> None:
    before = started(running)
    look(web, page, "yard")
    page.wait_for_function(MOVED, arg=0.3, timeout=30_000)
    with browser.new_context() as context:
        other = context.new_page()
        look(web, other, "yard")
        other.wait_for_function(MOVED, arg=0.3, timeout=30_000)
        assert (running_views(running), started(running)) == (1, before + 1)
    page.wait_for_timeout(500)
    assert running_views(running) == 1  # the first still looks
    page.close()
    wait_until(lambda: running_views(running) == 0, 30)


def socket_of(web: Web, name: str, password: str, camera: str = "yard", route: str = "live") -> ClientConnection:
    """A browser's socket, by hand."""
    with web.client() as client:
        assert client.post("/login", data={"name": name, "password": password}).status_code == 303
        cookie = "; ".join(f"{key}={value}" for key, value in client.cookies.items())
    where = web.url.replace("http", "ws") + f"/api/{route}/village/pictures/{camera}"
    return connect(where, origin=Origin(web.url), additional_headers={"Cookie": cookie}, proxy=None)


def closed(socket: ClientConnection) -> int:
    """The code that the other side ended it with."""
    with pytest.raises(ConnectionClosed) as told:
        drain(socket)
    assert told.value.rcvd is not None
    return told.value.rcvd.code


def drain(socket: ClientConnection) -> None:
    """Take what comes, for ever."""
    while True:
        socket.recv(timeout=20)


def test_a_user_who_is_removed_sees_no_more_within_seconds(web: Web, running: Running) -> None:  # noqa: F811
    app.add_user(web.parts.core.settings, "brief", Secret(OTHER), [RoleAssignment("monitor", "village")])
    with socket_of(web, "brief", OTHER) as socket:
        assert "now_ms" in str(socket.recv(timeout=20))
        kinds = [socket.recv(timeout=20, decode=False)[0] for _ in range(3)]
        assert kinds == [FrameType.INIT, FrameType.KEY, FrameType.FRAME]
        drop = act_of("brief", USER, web.parts.core.clock.wall_ns(), "removed")
        web.parts.core.queue.submit(lambda it: it.change_account(DropUser("brief"), drop)).result(10)
        assert closed(socket) == ENDED
    wait_until(lambda: running_views(running) == 0, 30)


def test_foreign_roles_and_origins_and_unknown_cameras_are_refused(web: Web, running: Running) -> None:  # noqa: F811
    before = len(camera_views(web))
    app.add_user(web.parts.core.settings, "far", Secret(OTHER), [RoleAssignment("monitor", "harbour")])
    with pytest.raises(Exception, match="403"):
        socket_of(web, "far", OTHER)
    where = web.url.replace("http", "ws") + "/api/live/village/pictures/yard"
    with web.logged_in() as client:
        cookie = {"Cookie": "; ".join(f"{key}={value}" for key, value in client.cookies.items())}
    with pytest.raises(Exception, match="403"):
        connect(where, origin=Origin("http://elsewhere.example"), additional_headers=cookie, proxy=None)
    with pytest.raises(Exception, match="403"):
        connect(where, origin=Origin(web.url), proxy=None)
    with socket_of(web, USER, PASSWORD, "nowhere") as socket:
        assert closed(socket) == AWAY
    assert len(camera_views(web)) == before
    assert started(running) >= 0


def test_a_box_without_the_ticket_does_not_get_in(web: Web) -> None:
    job = "0198c0de-0000-7000-8000-000000000001"
    for ticket in ("x", web.parts.core.keys.ticket("live", job)):
        with pytest.raises(Exception, match="403"):
            connect(
                web.url.replace("http", "ws") + live_path(job),
                additional_headers={"Authorization": f"Ticket {ticket}"}, proxy=None,
            )  # fmt: skip


def test_a_still_comes_redacted_from_the_box_and_is_logged_once(
    web: Web,
    running: Running,  # noqa: F811
) -> None:
    name = add_staff(web, "monitor@village")
    address = "/api/stills/village/pictures/yard"
    with web.logged_in(name) as client:
        client.headers["Sec-Fetch-Dest"] = "empty"
        shown, again = client.get(address), client.get(address)
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg"), shown.text
        assert shown.content[:3] == b"\xff\xd8\xff"
        assert again.content == shown.content
        taken_ns = from_rfc3339(shown.headers["picture-time"])
        assert abs(running.box.cameras[0].clock.wall_ns() - taken_ns) < 60e9
        missing = client.get("/api/stills/village/pictures/nothing")
        assert (missing.status_code, missing.json()) == (409, {"error": "there is no such camera"})
    assert [SHOWN in it.detail for it in recorded(web, "view") if it.who == name] == [True]
