"""Real RTSP → box → broker → aggregator → Chromium."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect
from village_kit import Village, wait_until

from models.detector_factory import open_detector
from models.files.store import ModelStore
from models.session import Options

OTHER_PICTURES = {b"\x89PNG\r\n": "PNG", b"ftypisom": "MP4", b"RIFF": "AVI or WebP", b"\x00\x00\x00\x01\x67": "H.264"}


def log_in(page: Page, village: Village) -> None:
    page.goto(village.url)
    page.get_by_test_id("login-name").fill("tester")
    page.get_by_test_id("login-password").fill(village.password())
    page.get_by_test_id("login-submit").click()


@pytest.mark.timeout(240)
def test_a_walker_becomes_an_alert_with_a_blurred_picture(page: Page, village: Village, models: ModelStore) -> None:
    village.start_aggregator()
    village.start_box()
    log_in(page, village)
    row = page.get_by_test_id("alert-row").filter(has_text="Zone entered").first
    row.wait_for(timeout=60_000)
    row.click()
    detail = page.get_by_test_id("alert-detail")
    picture = detail.get_by_test_id("alert-picture")
    expect(picture).to_be_visible()
    wait_until(lambda: picture.evaluate("it => it.naturalWidth") == 640, 20, "the picture")
    expect(detail).to_contain_text("Paifang village")
    expect(detail).to_contain_text("Walkway")
    detail.get_by_test_id("acknowledge").click()
    expect(page.get_by_test_id("alert-state").filter(has_text="tester").first).to_be_visible()
    page.get_by_test_id("page-devices").click()
    expect(page.get_by_test_id("camera-health")).to_contain_text("Walkway")
    expect(page.get_by_test_id("box-status")).to_contain_text("gate-1")
    assert village.box.stop() == 0
    assert village.aggregator.stop() == 0
    nothing_clear_is_kept(village.folder, models)


def nothing_clear_is_kept(folder: Path, models: ModelStore) -> None:
    """Every picture in every byte that the run left behind is a redacted JPEG."""
    found = 0
    for path in (path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        for magic, name in OTHER_PICTURES.items():
            assert magic not in data, f"{path}: holds {name}"
        jpegs = [m.start() for m in re.finditer(rb"\xff\xd8\xff\xe0", data)]
        texts = re.findall(rb"/9j/4AAQ[A-Za-z0-9+/=]{200,}", data)
        pictures = [data[at : at + 140_000] for at in jpegs] + [base64.b64decode(t + b"==") for t in texts]
        for picture in pictures:
            check_redacted(picture, models)
            found += 1
    assert found > 0, "the run kept pictures"


def check_redacted(jpeg: bytes, models: ModelStore) -> None:
    """A second look at twice the size finds no face that the first one should have covered."""
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        return  # torn across database pages: not a picture that anybody can open
    faces = open_detector("faces-to-blur", models, Options(long_side=1280, threshold=0.75))
    assert len(faces.detect(np.asarray(picture, np.uint8))) == 0
