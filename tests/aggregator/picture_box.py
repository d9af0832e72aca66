"""A whole box beside the running aggregator: real cameras over RTSP, footage, and the way back over HTTP."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from agg_support import Web, wait_until
from edge_kit import Served, make_clip, served
from model_kit import obtain
from playwright.sync_api import Page

from aggregator.domain.audit import audit_entry
from aggregator.domain.audit.audit_anomalies import SHOWN
from aggregator.domain.audit.audit_entry import AuditEntry
from demo.media_loop import load
from edge.app import Box
from edge.loaded_models import Models
from edge.settings import node
from models.files.store import ModelStore
from pipelines.types import Detections, Picture
from protocol.envelope import UnsequencedEvent
from protocol.event_types import ZoneEntered

SITE, CAMERAS = "village", ("yard", "yard-265")
SITE_ZONE = ZoneInfo("Asia/Shanghai")
"""Of the site of `agg_support.running_web`: its day is another one than UTC's from 16:00 UTC on."""
SETTINGS = """
site: village
box: {box}
status_port: 0
trust_file: trust
models: {models}
broker: {{host: 127.0.0.1, port: {port}, username: {user}, password_file: password}}
uplink: {{url: "{url}"}}
recorder: {{enabled: true, reserve_mb: 16}}
cameras:
  - {{id: yard, url: "{yard}"}}
  - {{id: yard-265, url: "{other}"}}
"""


class Nothing:
    """Finds nothing: the fake beside the detectors of events; what covers pictures is real."""

    def detect(self, picture: Picture) -> Detections:
        assert picture.ndim == 3
        return Detections.none()

    def detect_at(self, picture: Picture, size: tuple[int, int]) -> Detections:
        assert size[0] > 0
        return self.detect(picture)


@dataclass
class Running:
    """A box and its cameras."""

    box: Box
    cameras: Served
    folder: Path
    began_s: float = field(default_factory=time.time)

    def enter_early(self, camera: str) -> None:
        """Somebody entered a zone just before the box began: a clip of it is short, and soon made."""
        self.enter(camera, time.time() - self.began_s + 14)

    def enter(self, camera: str, seconds_ago: float) -> None:
        """Somebody entered a zone."""
        data = ZoneEntered(zone="gate", object="person", track=1, bbox=(1, 2, 3, 4), confidence=0.9)
        self.box.reporter.send([UnsequencedEvent(camera, data, time.time_ns() - round(seconds_ago * 1e9))])

    def recorded(self, parts: int) -> None:
        """Wait for footage."""
        assert self.box.footage is not None
        counts = self.box.footage.writer.counts
        wait_until(lambda: counts.fragments >= parts, 60)


@contextlib.contextmanager
def running_box(web: Web, folder: Path, store: ModelStore, name: str) -> Iterator[Running]:
    """A box of its own name, connected."""
    obtain(store, "faces-to-blur", "plate-find")
    folder.mkdir(exist_ok=True)
    (folder / "footage").mkdir()
    (folder / "password").write_text(web.account.password.reveal())
    web.parts.core.keys.trust(SITE).write(folder / "trust")
    clips = {
        "yard": load(make_clip(folder / "clip.mp4")),
        "yard-265": load(make_clip(folder / "clip-265.mp4", codec="libx265")),
    }
    with served(clips) as cameras:
        text = SETTINGS.format(
            box=name, models=store.folder, port=web.broker_port, user=web.account.username, url=web.url,
            yard=cameras.url("yard"), other=cameras.url("yard-265"),
        )  # fmt: skip
        (folder / "box.yaml").write_text(text)
        box = Box(node.load(folder / "box.yaml"), folder, Models(Nothing(), Nothing(), Nothing()))
        box.start()
        try:
            wait_until(lambda: box.link.connected and all(camera.up for camera in box.cameras), 30)
            wait_until(lambda: {it.id for it in web.parts.core.reader.cameras() if it.box == name} == set(CAMERAS), 30)
            yield Running(box, cameras, folder)
        finally:
            box.close()


@pytest.fixture(scope="module")
def running(web: Web, tmp_path_factory: pytest.TempPathFactory, model_store: ModelStore) -> Iterator[Running]:
    with running_box(web, tmp_path_factory.mktemp("box"), model_store, "pictures") as made:
        yield made


def choose_camera(page: Page, name: str) -> None:
    """In the form of the page Footage."""
    page.get_by_test_id("footage-camera").click()
    page.get_by_role("option", name=re.compile(rf"· {name}$")).click()


def show_today(page: Page, camera: str, case: str) -> None:
    """Open today's footage of a camera on the page Footage."""
    choose_camera(page, camera)
    page.get_by_test_id("footage-day").fill(f"{datetime.now(SITE_ZONE):%Y-%m-%d}")
    page.get_by_test_id("footage-case").fill(case)
    page.get_by_test_id("show-footage").click()


def camera_views(web: Web) -> list[AuditEntry]:
    """Views of cameras that somebody asked for. Pages load stills and the pictures of alerts at any time."""
    return [it for it in recorded(web, "view") if "/" in it.target and SHOWN not in it.detail]


def recorded(web: Web, what: str) -> list[AuditEntry]:
    """All acts of a kind."""
    return [
        it
        for _, entry in web.parts.core.reader.audit_entries(0, 1_000_000)
        if (it := audit_entry.decode(entry)).what == what
    ]
