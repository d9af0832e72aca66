"""The wall's script against a stream of the test: what stands on a picture, and what happens when there is none."""

from __future__ import annotations

import json
import re

import pytest
from agg_support import USER, Web, log_in
from playwright.sync_api import Browser, Page, Route, expect
from queue_kit import FakeApi

from protocol.problems import close_code

SOCKET_JS = """
window.sockets = [];
window.WebSocket = class extends EventTarget {
  constructor(url) {
    super();
    if (!url.includes('/api/live/')) return new real(url, ...[...arguments].slice(1));
    this.url = url; sockets.push(this);
  }
  close() { this.closed = true; }
};
"""
SOCKET_JS = "const real = window.WebSocket;" + SOCKET_JS
"""A stream that the test speaks for."""


GIF = "47494638396101000100800000ffffff00000021f90401000000002c00000000010001000002024401003b"


def camera(number: int, state: str = "up", online: bool = True) -> dict[str, object]:
    return {
        "kind": "camera", "site": "village", "site_name": "Stone Bridge Village", "areas": ["gates"], "box": "gate-1",
        "id": f"cam-{number}", "name": f"Camera {number}", "time_zone": "Asia/Shanghai", "state": state,
        "online": online, "seen": None, "since": "2026-01-27T00:40:00Z" if state == "lost" else None,
        "problem": "timeout" if state == "lost" else "",
    }  # fmt: skip


def answer_still(route: Route) -> None:
    """A picture for every camera but the third, whose box gives none."""
    if route.request.url.endswith("cam-3"):
        return route.fulfill(status=409, json={"error": "the box refused: it sent no picture"})
    headers = {"Picture-Time": "2026-01-27T00:43:10.123456789Z"}
    return route.fulfill(body=bytes.fromhex(GIF), content_type="image/gif", headers=headers)


@pytest.fixture
def wall(web: Web, page: Page) -> Page:
    FakeApi().install(page)
    places = [camera(1), camera(2, "lost"), *(camera(it) for it in range(3, 8))]
    page.route("**/api/places", lambda route: route.fulfill(json={"places": places}))
    page.route("**/api/stills/**", answer_still)
    counts = {"site": "village", "id": "cam-3", "critical": 1, "high": 0, "medium": 2, "low": 0}
    page.route("**/api/places/alerts", lambda route: route.fulfill(json={"places": [counts]}))
    page.add_init_script(SOCKET_JS)
    log_in(web, page, USER, path="/live")
    page.get_by_test_id("tile").first.wait_for()
    return page


def test_ux_06_each_tile_has_its_own_name_and_stop_clears_it(wall: Page) -> None:
    tiles = wall.get_by_test_id("tile")
    expect(tiles).to_have_count(4)
    first, second = tiles.nth(0), tiles.nth(1)
    expect(first.get_by_test_id("live-name")).to_have_text("Camera 1")
    first.get_by_test_id("live-start").click()
    second.get_by_test_id("live-start").click()
    urls = [re.sub(r".*/api/live/", "", it) for it in wall.evaluate("sockets.map(it => it.url)")]
    assert urls == ["village/gate-1/cam-1", "village/gate-1/cam-3"]
    video = first.get_by_test_id("live-video")
    wall.evaluate("document.querySelector('[data-testid=live-video]').src = 'data:video/mp4;base64,AAAA'")
    first.get_by_test_id("live-stop").click()
    assert video.evaluate("it => [it.hasAttribute('src'), it.hidden]") == [False, True]
    assert wall.evaluate("sockets.map(it => Boolean(it.closed))") == [True, False], "the other goes on"
    expect(first.get_by_test_id("live-lag")).to_have_text("STILL")


def test_a_tile_that_nobody_watches_shows_the_newest_still_with_its_time(wall: Page) -> None:
    first, second = wall.get_by_test_id("tile").nth(0), wall.get_by_test_id("tile").nth(1)
    expect(first.get_by_role("img", name="Newest still of Camera 1, redacted")).to_be_visible()
    expect(first.get_by_test_id("live-clock")).to_have_text("2026-01-27 08:43:10 GMT+8")
    expect(first.get_by_test_id("live-lag")).to_have_text("STILL")
    expect(first.get_by_test_id("live-told")).to_be_empty()
    expect(second.get_by_test_id("live-name")).to_have_text("Camera 3")
    expect(second.get_by_test_id("live-told")).to_have_text("Not watching; the box sends no still")
    expect(first.get_by_test_id("tile-alerts")).to_be_hidden()
    expect(second.get_by_test_id("tile-alerts")).to_have_text("3 open alerts")
    expect(second.get_by_test_id("tile-alerts")).to_have_attribute("href", "/?site=village&camera=cam-3")
    first.get_by_test_id("live-start").click()
    expect(first.get_by_test_id("still")).to_be_hidden()
    wall.get_by_test_id("wall-after").click()
    lost = wall.get_by_test_id("tile").last
    why = "No picture: camera lost · since 2026-01-27 08:40:00 GMT+8 · timeout"
    expect(lost.get_by_test_id("live-told")).to_have_text(why)


REFRESH_JS = """async () => {
  const { Tile } = await import(document.querySelector('script[src*="live/main.js"]').src.replace('main', 'tile'));
  const requests = [];
  window.fetch = url => { requests.push(url); return new Promise(() => {}); };
  const tile = new Tile({ site: 'village', box: 'gate-1', id: 'cam-9', name: 'Camera 9', state: 'up' });
  document.body.append(tile.element);
  for (let round = 0; round < 3; round++) tile.refresh();
  return requests.filter(it => it.includes('cam-9'));
}"""


def test_a_box_that_does_not_answer_has_one_request_for_a_still_at_a_time(wall: Page) -> None:
    expect(wall.get_by_role("img", name="Newest still of")).to_have_count(3)
    assert wall.evaluate(REFRESH_JS) == ["/api/stills/village/gate-1/cam-9"]


def test_ux_06_a_stream_that_breaks_says_why_and_is_asked_for_again(wall: Page) -> None:
    tile = wall.get_by_test_id("tile").first
    tile.get_by_test_id("live-start").click()
    wall.evaluate("sockets[0].onclose({code: 4404, reason: 'the box is offline'})")
    expect(tile.get_by_test_id("live-told")).to_contain_text("the box is offline")
    wall.wait_for_function("sockets.length === 2")
    assert wall.evaluate("sockets[1].url") == wall.evaluate("sockets[0].url")
    tile.get_by_test_id("live-stop").click()
    wall.evaluate("sockets[1].onclose({code: 4404, reason: ''})")
    wall.wait_for_timeout(1_300)
    assert wall.evaluate("sockets.length") == 2, "nobody asks for what was stopped"


def test_a_chinese_wall_says_in_chinese_why_there_is_no_picture(web: Web, browser: Browser) -> None:
    with browser.new_context(locale="zh-CN") as context:
        page = context.new_page()
        FakeApi().install(page)
        lost = camera(2, "lost") | {"problem_code": "source.silent"}
        page.route("**/api/places", lambda route: route.fulfill(json={"places": [camera(1), lost]}))
        page.route("**/api/stills/**", answer_still)
        page.route("**/api/places/alerts", lambda route: route.fulfill(json={"places": []}))
        page.add_init_script(SOCKET_JS)
        log_in(web, page, USER, path="/live")
        tiles = page.get_by_test_id("tile")
        expect(tiles.nth(1).get_by_test_id("live-told")).to_contain_text("摄像头没有送来画面。")
        expect(tiles.nth(1)).not_to_contain_text("timeout")
        tiles.nth(0).get_by_test_id("live-start").click()
        page.wait_for_function("sockets.length === 1")
        code = close_code("source.login")
        page.evaluate(f"sockets[0].onclose({{code: {code}, reason: '10.0.0.7: wrong password'}})")
        told = tiles.nth(0).get_by_test_id("live-told")
        expect(told).to_contain_text("无画面：摄像头用户名或密码错误。")
        page.wait_for_function("sockets.length === 2")
        page.evaluate("sockets[1].onclose({code: 4404, reason: 'of an older box'})")
        expect(told).to_contain_text("边缘盒未发送画面。")


def test_a_view_that_is_refused_is_not_asked_for_again(wall: Page) -> None:
    tile = wall.get_by_test_id("tile").first
    tile.get_by_test_id("live-start").click()
    wall.evaluate("sockets[0].onclose({code: 4403, reason: ''})")
    expect(tile.get_by_test_id("live-told")).to_have_text("Your roles do not allow this.")
    expect(tile.get_by_test_id("live-start")).to_be_visible()


BLACK_JS = """async (colour) => {
  const { isBlack } = await import(document.querySelector('script[src*="live/main.js"]').src.replace('main', 'black'));
  const canvas = document.createElement('canvas'), video = document.createElement('video');
  canvas.width = 640; canvas.height = 360;
  const pen = canvas.getContext('2d');
  pen.fillRect(0, 0, 640, 360);
  pen.fillStyle = colour; pen.fillRect(300, 100, 40, 40);
  video.muted = true; video.srcObject = canvas.captureStream(20);
  await video.play();
  pen.fillRect(300, 100, 40, 40);
  while (!video.videoWidth) await new Promise(done => setTimeout(done, 20));
  return isBlack(video);
}"""


@pytest.mark.parametrize(("colour", "black"), [("#000", True), ("#fff", False), ("#181818", False)])
def test_ux_24_a_black_picture_is_not_called_live(wall: Page, colour: str, black: bool) -> None:
    """With this, the tile says that all is masked, and why, where it would say how late the picture is."""
    assert wall.evaluate(BLACK_JS, colour) is black
    texts = json.loads(wall.locator("#shell-data").text_content() or "{}")["texts"]
    assert "too busy to blur faces" in texts["wall.masked"][0]


def test_ux_23_lost_cameras_come_last_on_the_wall_and_first_among_devices(web: Web, wall: Page) -> None:
    wall.get_by_test_id("wall-after").click()
    last = wall.get_by_test_id("tile").last
    expect(last.get_by_test_id("live-told")).to_contain_text("No picture: camera lost")
    wall.goto(f"{web.url}/devices")
    first = wall.get_by_test_id("camera-row").first
    expect(first).to_contain_text("Camera 2")
    expect(first).to_contain_text("lost")
    expect(wall.get_by_test_id("device-summary")).to_have_text("1 device has a problem")


def test_the_wall_has_sizes_and_pages(wall: Page) -> None:
    wall.get_by_test_id("wall-3").click()
    expect(wall.get_by_test_id("tile")).to_have_count(7)
    assert "size=3" in wall.url
    wall.get_by_test_id("wall-1").click()
    expect(wall.get_by_test_id("tile")).to_have_count(1)
    wall.get_by_test_id("wall-play").click()
    wall.get_by_test_id("wall-after").click()
    expect(wall.get_by_test_id("live-name")).to_have_text("Camera 3")
    assert wall.evaluate("[sockets.length, Boolean(sockets[0].closed)]") == [2, True], "only what is in sight plays"


def test_a_camera_is_put_where_somebody_drags_it_and_problems_can_be_seen_alone(wall: Page) -> None:
    names = wall.get_by_test_id("live-name")
    expect(names).to_have_text(["Camera 1", "Camera 3", "Camera 4", "Camera 5"])
    wall.get_by_test_id("wall-trees").click()
    expect(wall.get_by_test_id("wall-tree")).to_contain_text("1 without picture")
    leaf = wall.get_by_test_id("tree-camera")
    leaf.filter(has_text="Camera 7").drag_to(wall.get_by_test_id("tile").nth(1))
    expect(names).to_have_text(["Camera 1", "Camera 7", "Camera 4", "Camera 5"])
    leaf.filter(has_text="Camera 2").press("Enter")
    expect(names).to_have_text(["Camera 2", "Camera 7", "Camera 4", "Camera 5"])
    wall.reload()
    expect(names).to_have_text(["Camera 2", "Camera 7", "Camera 4", "Camera 5"])
    wall.get_by_test_id("wall-4").click()
    expect(names).to_have_count(7)
    wall.get_by_test_id("wall-problems").click()
    expect(names).to_have_text(["Camera 2"])
    wall.get_by_test_id("wall-problems").click()
    wall.get_by_test_id("wall-order").click()
    expect(names).to_have_text([f"Camera {it}" for it in (1, 3, 4, 5, 6, 7, 2)])
