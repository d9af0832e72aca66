"""Writes docs/screenshots: every page of the dashboard in both languages, both themes and three sizes.

One picture for each page shows all twelve views side by side. The aggregator is the one of the tests, with drawn
pictures, 56 cameras, and 200 open alerts at two sites; nothing in it is a recording of a place. Run
`python tools/screenshots.py [PATH …]` after a change of pages, and look at every view that it writes to `--views`.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / it) for it in (".", "tests/aggregator", "tests/kits")]

from agg_support import Sender, Web, entered, event, log_in, running_web  # noqa: E402
from chromium_kit import chromium_program  # noqa: E402
from oidc_provider_mock import run_server_in_thread  # noqa: E402
from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

from aggregator.web.dashboard.shell.rail import PAGES  # noqa: E402
from common.clock import SECOND_NS, SystemClock  # noqa: E402
from pipelines.types import Picture  # noqa: E402
from protocol.event_types import (  # noqa: E402
    CameraCovered,
    CameraLost,
    Data,
    DoorDuress,
    DoorForced,
    DoorHeld,
    LineCrossed,
    ZoneCrowded,
    ZoneLoitering,
)
from protocol.receipts import BoxStatus, CameraStatus, DoorStatus, GateStatus, encode  # noqa: E402

OUT = ROOT / "docs" / "screenshots"
SIZES = {"1366": (1366, 768), "1920": (1920, 1080), "390": (390, 844)}
LANGUAGES, THEMES = ("en-US", "zh-CN"), ("light", "dark")
AREAS = ("Main gate", "East stairs", "West stairs", "Garage", "Courtyard", "Lift hall", "North walkway")
CAMERAS = {f"cam-{number}": f"{AREAS[number % 7]} {number // 7 + 1}" for number in range(56)}
HEIGHT = 340
"""Of one view in the written picture, pixels."""


def scene(number: int) -> bytes:
    """A drawn yard with a person whose face is masked, as JPEG."""
    random_ = np.random.default_rng(number)
    picture: Picture = np.full((360, 640, 3), random_.integers(70, 150, 3), np.uint8)
    cv2.rectangle(picture, (0, 200), (640, 360), [int(it) for it in random_.integers(60, 120, 3)], -1)
    for left in range(40, 620, 120):
        cv2.rectangle(picture, (left, 60), (left + 70, 150), [int(it) for it in random_.integers(90, 200, 3)], -1)
    x = int(random_.integers(80, 520))
    cv2.rectangle(picture, (x, 180), (x + 44, 330), [int(it) for it in random_.integers(20, 90, 3)], -1)
    for row in range(4):
        for column in range(4):
            shade = int(random_.integers(90, 180))
            cv2.rectangle(
                picture, (x + 4 + 9 * column, 140 + 10 * row), (x + 13 + 9 * column, 150 + 10 * row), [shade] * 3, -1
            )
    return cv2.imencode(".jpg", cv2.GaussianBlur(picture, (3, 3), 0))[1].tobytes()


def kinds(number: int) -> Data:
    """What happened, one kind after the other; critical ones are few."""
    zone = {"track": number, "bbox": (10.0, 20.0, 60.0, 180.0), "confidence": 0.8}
    choices: list[Data] = [
        entered("forecourt"), entered("fire-lane", "car"), CameraLost(), CameraCovered(),
        ZoneLoitering(zone="entrance", object="person", seconds=180.0, **zone),  # type: ignore[arg-type]
        ZoneCrowded(zone="hall", object="person", count=12, **zone),  # type: ignore[arg-type]
        LineCrossed(line="wall", direction="forward", object="person", track=number),
    ]  # fmt: skip
    return choices[number % len(choices)]


def fill(web: Web) -> None:
    """Two boxes, their states, and 200 alerts of the last two hours."""
    now_ns, dice = SystemClock().wall_ns(), random.Random(5)
    sender = Sender(web.broker_port, web.account, box="box-1", site="village")
    cameras = [
        CameraStatus(id=it, name=name, state="lost" if at in (9, 30) else "up", fps=12.5,
                     since="2026-11-27T06:10:00Z" if at in (9, 30) else "",
                     problem="the camera does not answer" if at in (9, 30) else "")
        for at, (it, name) in enumerate(CAMERAS.items())
    ]  # fmt: skip
    doors = [DoorStatus(id="hall", name="Hall door", state="forced", locked=True), DoorStatus(id="roof", name="Roof")]
    gates = [GateStatus(name="lane-in", camera="cam-0"), GateStatus(name="lane-out", camera="cam-7")]
    status = BoxStatus(online=True, version="0.1.0", timezone="Asia/Shanghai", epoch="ab12", outbox_waiting=3,
                       cameras=cameras, doors=doors, gates=gates)  # fmt: skip
    sender.raw(encode(status), sender.topics.status)
    own: list[tuple[str, Data]] = [("hall", DoorForced(door="hall")), ("hall", DoorDuress(door="hall")),
                                   ("roof", DoorHeld(door="roof", seconds=90.0))]  # fmt: skip
    every = own + [(f"cam-{it % 56}", kinds(it)) for it in range(197)]
    for number, (place, data) in enumerate(every, 1):
        at_ns = now_ns - dice.randrange(7_200) * SECOND_NS
        shown = scene(number % 40)
        sender.send(event(number, data, place=place, box="box-1", time_ns=at_ns, number=70_000 + number, picture=shown))
    sender.wait()
    sender.close()


HOUSES = ((80, 80, 620, 420), (700, 80, 1240, 420), (80, 540, 900, 820), (1010, 540, 1500, 820))


def plan() -> bytes:
    """A drawn ground plan, as PNG."""
    picture: Picture = np.full((900, 1600, 3), 245, np.uint8)
    for left, top, right, bottom in (
        (80, 80, 620, 420),
        (700, 80, 1240, 420),
        (80, 540, 900, 820),
        (1010, 540, 1500, 820),
    ):
        cv2.rectangle(picture, (left, top), (right, bottom), (215, 215, 210), -1)
        cv2.rectangle(picture, (left, top), (right, bottom), (120, 120, 120), 4)
    cv2.line(picture, (0, 480), (1600, 480), (200, 200, 160), 36)
    return cv2.imencode(".png", picture)[1].tobytes()


def records(web: Web) -> None:
    """What people enter: a plan, a silence, a list, a case, a consumer."""
    day = f"{datetime.now(UTC) + timedelta(days=20):%Y-%m-%dT%H:%M:%SZ}"
    at = [(0.1 + 0.13 * (it % 7), 0.2 if it < 7 else 0.75) for it in range(14)]
    symbols = [
        {"kind": "camera", "box": "box-1", "id": f"cam-{it}", "x": x, "y": y, "direction": 40 * it % 360}
        for it, (x, y) in enumerate(at)
    ]
    symbols.append({"kind": "door", "box": "box-1", "id": "hall", "x": 0.5, "y": 0.53})
    match = {"site": ["village"], "place": ["cam-6"]}
    case = {"id": "INC-2026-112", "purpose": "A theft in the garage", "basis": "incident", "site": "village"}
    consumer = {
        "name": "Town command centre", "contact": "duty@town.example", "purpose": "Alerts of the villages",
        "basis": "Agreement 7/2026", "places": ["village"],
    }  # fmt: skip
    standings = ("registered", "visitor", "barred")
    with web.logged_in() as client:
        answers = [
            client.put("/api/plans/village/picture", content=plan(), headers={"Content-Type": "image/png"}),
            client.put("/api/plans/village/symbols", json={"version": 1, "symbols": symbols}),
            client.post("/api/silences", json={"match": match, "until": day, "reason": "Building work"}),
            client.post("/api/cases", json=case | {"expires": day}),
            client.post("/api/consumers", json=consumer | {"ends": day}),
        ]
        for number in range(18):
            standing = standings[number % 3]
            entry = {
                "text": f"京A{number:05}",
                "standing": standing,
                "owner": f"House {number}",
                "reason": "Unpaid fee",
            }
            valid = {"valid_until": day} if standing != "registered" else {}
            answers.append(client.post("/api/sites/village/list", json=entry | valid))
    for answer in answers:
        assert answer.status_code < 300, answer.text


def views(web: Web, browser: Browser, path: str) -> Iterator[tuple[str, bytes]]:
    """A page in every language, theme and size: name and PNG."""
    for language in LANGUAGES:
        for theme in THEMES:
            with browser.new_context(locale=language, color_scheme=theme) as context:  # type: ignore[arg-type]
                page = context.new_page()
                log_in(web, page)
                for size, (width, height) in SIZES.items():
                    page.set_viewport_size({"width": width, "height": height})
                    yield f"{language[:2]}-{theme}-{size}", shot(page, web.url + path)


def shot(page: Page, address: str) -> bytes:
    """A page when its scripts have fetched what they show, as PNG."""
    page.goto(address)
    page.locator("main h1:visible, main [data-testid]:visible").first.wait_for()
    page.wait_for_timeout(1200)  # pictures and lists that scripts fetch
    return page.screenshot()


def sheet(pictures: list[bytes]) -> Picture:
    """The views of a page in rows of three, each as high as the others."""
    small = []
    for data in pictures:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        width = round(picture.shape[1] * HEIGHT / picture.shape[0])
        resized = cv2.resize(picture, (width, HEIGHT), interpolation=cv2.INTER_AREA)
        small.append(cv2.copyMakeBorder(resized, 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=(128, 128, 128)))
    return np.vstack([np.hstack(small[it : it + 3]) for it in range(0, len(small), 3)])


def main() -> None:
    """Write the pictures of the pages that are named, or of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="*", help="paths of pages, such as /shift; all without them")
    parser.add_argument("--views", type=Path, help="a folder for each view in full size, to look at")
    asked = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        run_server_in_thread(user_claims=[]) as provider,
        running_web(Path(folder), f"http://localhost:{provider.server_port}") as web,
        sync_playwright() as play,
    ):
        fill(web)
        records(web)
        browser = play.chromium.launch(executable_path=chromium_program(), args=["--no-sandbox"])
        for path in asked.pages or PAGES:
            taken, name = dict(views(web, browser, path)), PAGES[path]
            cv2.imwrite(str(OUT / f"{name}.webp"), sheet(list(taken.values())), [cv2.IMWRITE_WEBP_QUALITY, 60])
            for view, data in taken.items():
                if asked.views:
                    (asked.views / f"{name}-{view}.png").write_bytes(data)
        browser.close()


if __name__ == "__main__":
    main()
