"""The map: devices by state with their names, the way to their alerts, and placing them by keyboard and pointer."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import cv2
import httpx2
import numpy as np
from agg_support import Web, add_staff, log_in, wait_until
from map_kit import PLACES, FakeMap, place
from playwright.sync_api import Page, Route, expect
from queue_kit import FakeApi, made, until

AREA = "stairs"


def test_the_map_shows_states_in_words_and_leads_to_the_alerts_of_a_device(web: Web, page: Page) -> None:
    api, fake = FakeApi(), FakeMap()
    api.install(page)
    fake.install(page)
    fake.count("main-gate", medium=2)
    outside: list[str] = []
    page.on("request", lambda it: None if it.url.startswith((web.url, "data:")) else outside.append(it.url))
    log_in(web, page, add_staff(web, "monitor@village"), path="/live")
    page.get_by_test_id("view-map").click()
    page.get_by_test_id("map-choice").select_option("village/")
    row = page.get_by_test_id("map-row")
    expect(row).to_have_count(4)
    assert [it.inner_text().split("\n") for it in row.all()] == [
        ["Hall door", "Door · forced"], ["Stairs", "Camera · lost"],
        ["Main gate", "Gate · online · 2 open alerts (Medium)"], ["Forecourt", "Camera · working"],
    ]  # fmt: skip
    symbol = page.get_by_test_id("map-canvas").get_by_role("button", name="Door Hall door: forced")
    expect(symbol).to_be_visible()
    expect(page.get_by_test_id("map-summary")).to_have_text("3 need attention")
    expect(page.get_by_test_id("map-edit")).to_be_hidden()
    fake.places[0] = place("camera", "Forecourt", "covered")
    page.evaluate("""feed.heard.places({data: '{"sites":["village"]}'})""")
    expect(row.filter(has_text="Forecourt")).to_contain_text("covered")
    fake.places[0] = PLACES[0]
    fake.count("forecourt", critical=1)
    api.push(page, made(1, "critical"))
    changed = page.get_by_test_id("map-canvas").get_by_role("button", name=re.compile(r"Forecourt: .*Critical"))
    changed.click()
    page.wait_for_url("**/?**")
    assert parse_qs(urlsplit(page.url).query) == {"site": ["village"], "camera": ["forecourt"]}
    assert outside == [], "the map needs nothing from elsewhere"


def test_a_plan_can_be_edited_as_soon_as_it_was_read_not_before(web: Web, page: Page) -> None:
    """A click before that broke the page until it was loaded again."""
    fake, held = FakeMap(), list[Route]()
    fake.install(page)
    page.route("**/api/plans", lambda route: held.append(route))  # noqa: PLW0108 — Playwright marks functions
    log_in(web, page, add_staff(web, "installer@village"), path="/map?plan=village/")
    until(page, lambda: bool(held))
    expect(page.get_by_test_id("map-edit")).to_be_hidden()
    fake.answer_plans(held.pop())
    page.get_by_test_id("map-edit").click()
    expect(page.get_by_test_id("map-symbol")).to_have_count(4)
    expect(page.get_by_test_id("plan-editor")).to_be_visible()


def picture() -> bytes:
    done, data = cv2.imencode(".png", np.full((500, 800, 3), 250, np.uint8))
    assert done
    return bytes(data)


def placed(client: httpx2.Client) -> list[Any]:
    found = [it for it in client.get("/api/plans").json()["plans"] if it["area"] == AREA]
    return [found[0]["version"], *found[0]["symbols"]] if found else []


def test_an_installer_sends_a_plan_and_places_a_camera_by_keyboard_and_pointer(web: Web, page: Page) -> None:
    places = [place("camera", "Hall", areas=[AREA]), place("door", "Hall door", "closed", areas=[AREA])]
    page.route("**/api/places", lambda route: route.fulfill(json={"places": places}))
    name = add_staff(web, "installer@village")
    log_in(web, page, name, path=f"/map?plan=village/{AREA}")
    expect(page.get_by_test_id("map-none")).to_contain_text("Press “Edit plan”")
    page.get_by_test_id("map-edit").click()
    page.get_by_test_id("plan-file").set_input_files({"name": "x.svg", "mimeType": "image/png", "buffer": b"<svg/>"})
    expect(page.get_by_test_id("plan-problem")).to_contain_text("send a PNG, JPEG or WebP")
    page.get_by_test_id("plan-file").set_input_files({"name": "p.png", "mimeType": "image/png", "buffer": picture()})
    page.get_by_test_id("plan-add").select_option(label="Hall · Camera")
    symbol = page.get_by_test_id("map-symbol")
    expect(symbol).to_be_focused()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowUp"):
        page.keyboard.press(key)
    expect(page.get_by_test_id("plan-status")).to_have_text("Hall: 52 % from the left, 50 % from the top")
    page.get_by_test_id("plan-direction").fill("405")
    page.get_by_test_id("plan-save").click()
    expect(page.get_by_test_id("plan-status")).to_have_text("Saved.")
    hall = {"kind": "camera", "box": "gate-1", "id": "hall", "x": 0.52, "y": 0.498, "direction": 45}
    with web.logged_in(name) as client:
        assert placed(client) == [2, hall]
        canvas, at = page.get_by_test_id("map-canvas").bounding_box(), symbol.bounding_box()
        assert canvas is not None
        assert at is not None
        page.mouse.move(at["x"] + at["width"] / 2, at["y"] + at["height"] / 2)
        page.mouse.down()
        page.mouse.move(canvas["x"] + 2, canvas["y"] + 2, steps=4)
        page.mouse.up()
        held: list[Route] = []
        page.route("**/symbols?**", lambda route: held.append(route))  # noqa: PLW0108  (playwright marks the function)
        with page.expect_request("**/symbols?**"):
            page.get_by_test_id("plan-save").click()
        symbol.focus()
        page.keyboard.press("Delete")
        page.unroute("**/symbols?**")
        held[0].continue_()
        wait_until(lambda: placed(client)[0] == 3)
        assert placed(client)[1] == hall | {"x": 0, "y": 0}, "the edge of the picture stops it"
        page.get_by_test_id("plan-save").click()
        wait_until(lambda: placed(client) == [4])
        page.get_by_test_id("plan-delete").click()
        page.get_by_test_id("plan-delete-sure").click()
        wait_until(lambda: placed(client) == [])
