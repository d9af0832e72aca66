"""`live`: how late a live view is in the browser, and what it costs, for one view of 640x360 at 15 frames a second.

The camera is a real RTSP server whose clip has a number in each frame: a row of large black and white squares, and
their opposites below it, so that a covered number is not taken for another. The server notes when it sends which frame
(glass); Chromium draws what its player shows on a canvas at each frame that it presents (`requestVideoFrameCallback`),
reads the squares, and notes when the frame is to be on the screen (browser). Lag is the difference of the two, on one
machine and one clock. The camera's own exposure and encoding, and the network, are not in it. Frames without a number
(black, for a search was late, or covered) are counted. Costs are beyond those of a box that watches the same camera.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import httpx2
import numpy as np
import yaml
from chromium_kit import chromium_program
from playwright.sync_api import Page, sync_playwright

from aggregator import app
from aggregator.domain.accounts.authorization import RoleAssignment
from aggregator.settings import aggregator as aggregator_config
from benchmarks.machine import end, percentile, process_cpu_s
from benchmarks.redaction.live_kit import Glass, served
from common.secret import Secret
from demo import demo_site
from demo.cli import free_port
from demo.process_supervisor import answers, hand_over_password, trust_command
from models.files.store import default_folder

SIZE, RATE, SECONDS = (640, 360), 15, 20
BITS, SQUARE, SETTLE_S = 12, 48, 5.0
WHO, PASSWORD = "bench", "a password for the benchmark"
READ_JS = """([bits, square]) => { const v = document.querySelector('[data-testid=live-video]');
  const c = document.createElement('canvas'); c.width = 640; c.height = 360;
  const g = c.getContext('2d', {willReadFrequently: true}); window.seen = [];
  const each = (_, frame) => { g.drawImage(v, 0, 0, 640, 360);
    const now = Math.max(Date.now(), performance.timeOrigin + frame.expectedDisplayTime);
    const at = (k, row) => g.getImageData((k + 0.5) * square, (row + 0.5) * square, 1, 1).data[0];
    let n = 0, good = true;
    for (let k = 0; k < bits; k++) {
      n = n * 2 + (at(k, 0) > 128 ? 1 : 0); good = good && Math.abs(at(k, 0) - at(k, 1)) > 80; }
    window.seen.push([now, good ? n : -1]); v.requestVideoFrameCallback(each); };
  v.requestVideoFrameCallback(each); }"""


def picture(number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A textured ground with the frame's number, most significant bit first, and its opposite below."""
    shown = np.random.default_rng(3).integers(60, 140, (SIZE[1], SIZE[0], 3), np.uint8)
    shown[60 + number % 200 : 120 + number % 200, 300:360] = 180
    for place in range(BITS):
        level, columns = 235 if number >> (BITS - 1 - place) & 1 else 16, slice(place * SQUARE, (place + 1) * SQUARE)
        shown[:SQUARE, columns], shown[SQUARE : 2 * SQUARE, columns] = level, 251 - level
    return shown


def make_clip(path: Path) -> Path:
    """The camera's clip, as a camera would encode it."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.options = {"preset": "veryfast", "tune": "zerolatency", "g": str(RATE), "bf": "0"}
        for number in range(RATE * SECONDS):
            frame = av.VideoFrame.from_ndarray(picture(number), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@contextlib.contextmanager
def _process(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen([sys.executable, "-m", "paifang.cli", "--log-level", "error", *words])
    try:
        yield child
    finally:
        end(child)


def _until(true: Any, what: str) -> None:
    deadline = time.monotonic() + 60
    while not true():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not happen")
        time.sleep(0.1)


@contextlib.contextmanager
def _village(folder: Path, glass: Glass) -> Iterator[tuple[str, int, int]]:
    """Aggregator and box as processes: address, and both process ids."""
    http, broker, status = free_port(), free_port(), free_port()
    url = f"http://127.0.0.1:{http}"
    told = folder / "aggregator.yaml"
    told.write_text(demo_site.aggregator_settings(http, broker))
    app.add_user(aggregator_config.load(told), WHO, Secret(PASSWORD), [RoleAssignment("monitor")])
    role = demo_site.DemoCamera("camera", "Camera", "clip.mp4", {})
    box = yaml.safe_load(demo_site.box_settings({role: glass.url}, broker, status, uplink=url))
    box |= {"trust_file": demo_site.TRUST, "models": str(default_folder(os.environ, Path.home()))}
    (folder / "box.yaml").write_text(yaml.safe_dump(box))
    with _process("aggregator", "run", str(told)) as aggregator:
        _until(lambda: answers(f"{url}/healthz"), "the aggregator")
        hand_over_password(folder / "aggregator" / "broker.json", folder / "broker.password")
        trust_command(told, demo_site.SITE, folder / demo_site.TRUST)
        with _process("edge", "run", str(folder / "box.yaml")) as running:
            _until(lambda: answers(f"http://127.0.0.1:{status}/healthz"), "the box")
            yield url, running.pid, aggregator.pid


def _log_in(page: Page, url: str) -> None:
    with httpx2.Client(base_url=url, headers={"Origin": url}) as client:
        _until(lambda: client.get("/healthz").status_code == 200, "the aggregator")
    page.goto(f"{url}/login")
    page.get_by_test_id("login-name").fill(WHO)
    page.get_by_test_id("login-password").fill(PASSWORD)
    page.get_by_test_id("login-submit").click()
    page.get_by_test_id("page-live").click()


def _lags_ms(seen: list[tuple[float, int]], glass: Glass) -> tuple[list[float], int]:
    """For each frame that was shown: how long ago the camera had sent it last; and how many had no number."""
    sent = glass.sent()
    lags = []
    for shown_ms, number in seen:
        times = [it for it in sent.get(number, ()) if it <= shown_ms + 2]
        if times:
            lags.append(shown_ms - times[-1])
    return lags, sum(number < 0 for _, number in seen)


def run(quick: bool) -> dict[str, Any]:
    """One view; cost is what box and aggregator use with it beyond what they use without it."""
    watch_s = 12 if quick else 60
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        glass = stack.enter_context(served(make_clip(folder / "clip.mp4"), SECONDS * RATE))
        url, *pids = stack.enter_context(_village(folder, glass))
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=chromium_program(), args=["--no-sandbox", "--disable-background-networking"]
        )
        stack.callback(browser.close)
        page = browser.new_page()
        _log_in(page, url)
        page.get_by_test_id("tile").first.wait_for()
        threading.Event().wait(SETTLE_S)
        idle = _costs(pids, watch_s / 2)
        page.get_by_test_id("live-start").click()
        page.wait_for_function("document.querySelector('[data-testid=live-video]').currentTime > 3", timeout=60_000)
        page.evaluate(READ_JS, [BITS, SQUARE])
        busy = _costs(pids, watch_s)
        lags, black = _lags_ms([(it[0], it[1]) for it in page.evaluate("window.seen")], glass)
    return {
        "commands": ["python -m benchmarks live" + (" --quick" if quick else "")],
        "figures": {
            "lag_p95_ms": round(percentile(lags, 0.95)),
            "lag_p50_ms": round(percentile(lags, 0.5)),
            "cpu_pct": round(sum(busy) - sum(idle), 1),
            "cpu_box_pct": round(busy[0] - idle[0], 1),
            "cpu_aggregator_pct": round(busy[1] - idle[1], 1),
            "frames_shown": len(lags),
            "frames_unread": black,
        },
        "peers": {},
    }


def _costs(pids: list[int], seconds: float) -> list[float]:
    """Per cent of a core that each process uses, its threads included."""
    before, began = [process_cpu_s(pid) for pid in pids], time.monotonic()
    threading.Event().wait(seconds)
    took = time.monotonic() - began
    return [100 * (process_cpu_s(pid) - was) / took for pid, was in zip(pids, before, strict=True)]
