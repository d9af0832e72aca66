"""Pictures of any shape have the same place on the page."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from agg_support import USER, Web, log_in
from playwright.sync_api import Page, expect
from queue_kit import FakeApi, made


def jpeg(width: int, height: int) -> bytes:
    done, coded = cv2.imencode(".jpg", np.full((height, width, 3), 90, np.uint8))
    assert done
    return bytes(coded.tobytes())


def serve(page: Page, name: str, picture: bytes) -> None:
    page.route(f"**/api/pictures/{name}*", lambda route: route.fulfill(body=picture, content_type="image/jpeg"))


SHAPES = {"portrait": (360, 1280), "landscape": (1280, 720), "strip": (1600, 200)}


@pytest.mark.parametrize("size", [(1366, 768), (390, 844)])
def test_ux_22_portrait_pictures_stretch_nothing(web: Web, page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    api = FakeApi()
    api.install(page)
    api.put(*(made(number, "high", picture=f"/api/pictures/{shape}") for number, shape in enumerate(SHAPES, 1)))
    for shape, pixels in SHAPES.items():
        serve(page, shape, jpeg(*pixels))
    log_in(web, page, USER)
    rows = page.get_by_test_id("alert-row")
    expect(rows).to_have_count(len(SHAPES))
    stages = set()
    for number in range(len(SHAPES)):
        rows.nth(number).click()
        picture = page.get_by_test_id("alert-detail").get_by_test_id("alert-picture")
        page.wait_for_function("it => it.complete && it.naturalWidth > 0", arg=picture.element_handle())
        assert picture.evaluate("it => getComputedStyle(it).objectFit") == "contain"
        box = page.locator(".stage .shot").bounding_box()
        assert box is not None
        assert box["width"] <= size[0]
        stages.add((round(box["width"]), round(box["height"])))
        if size[0] < 768:
            page.locator(".detail > .back").click()
    assert len(stages) == 1, "the picture's place does not depend on its shape"
