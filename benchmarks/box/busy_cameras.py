"""`busy_cameras`: four cameras full of walkers, from the frame's arrival at the box to the card in the browser.

Everything is real and on this machine: an RTSP server, `paifang edge run`, `paifang aggregator run` with its broker,
and Debian's Chromium with the dashboard open. The browser notes its own clock whenever a card shows a newer time;
the card carries the time of the frame that completed the rule, so the difference is the whole way.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from chromium_kit import chromium_program
from playwright.sync_api import Page, sync_playwright

from benchmarks.box.streams import serving, walkers
from benchmarks.machine import end, median, percentile, process_cpu_s, process_rss_mb
from demo import demo_site
from demo.cli import free_port
from demo.process_supervisor import answers, hand_over_password, one_time_password, trust_command

CAMERAS = 4
SETTLE_S = 12.0
RULES: dict[str, Any] = {
    "zones": [
        {
            "name": name,
            "polygon": [[left, 0.02], [right, 0.02], [right, 0.99], [left, 0.99]],
            "report": ["entered", "left"],
        }
        for name, left, right in (("west", 0.02, 0.34), ("middle", 0.34, 0.66), ("east", 0.66, 0.98))
    ],
    "lines": [{"name": "gate", "points": [[0.5, 0.0], [0.5, 1.0]]}],
}
OBSERVER = """
window.waits = [];
const seen = new Map();
const note = () => document.querySelectorAll('[data-testid=alert-row]').forEach(card => {
  const time = card.dataset.last;
  if (time && seen.get(card.dataset.alert) !== time) {
    if (seen.has(card.dataset.alert)) window.waits.push(Date.now() - Date.parse(time.slice(0, 23) + 'Z'));
    seen.set(card.dataset.alert, time);
  }
});
new MutationObserver(note).observe(document.body, {subtree: true, childList: true, attributes: true});
"""


def run(quick: bool) -> dict[str, Any]:
    """One run; its length is what `quick` changes."""
    seconds = 25.0 if quick else 180.0
    with (
        tempfile.TemporaryDirectory() as name,
        serving(walkers(), CAMERAS) as urls,
        running(Path(name), urls) as (page_url, status_url, password, box),
        sync_playwright() as browser,
    ):
        flags = ["--no-sandbox", "--disable-background-networking"]
        chromium = browser.chromium.launch(executable_path=chromium_program(), args=flags)
        page = chromium.new_page()
        _open(page, page_url, password)
        time.sleep(SETTLE_S)
        page.evaluate("window.waits.length = 0")
        before, cpu = _counters(status_url), process_cpu_s(box)
        time.sleep(seconds)
        after, used = _counters(status_url), process_cpu_s(box) - cpu
        waits = [float(wait) for wait in page.evaluate("window.waits")]
        memory = process_rss_mb(box)
        chromium.close()
    looks = [(after[key] - before[key]) / seconds for key in after if key.startswith("camera_inspected")]
    dropped = after["mailbox_dropped"] - before["mailbox_dropped"]
    return {
        "commands": ["python -m benchmarks busy_cameras" + (" --quick" if quick else "")],
        "figures": {
            "latency_p50_ms": round(median(waits)),
            "latency_p95_ms": round(percentile(waits, 0.95)),
            "rss_mb": round(memory),
            "looks_per_s": round(min(looks), 2),
            "cards": len(waits),
            "box_cpu_pct": round(100 * used / seconds, 1),
            "frames_dropped": dropped,
        },
        "peers": {},
    }


@contextmanager
def running(folder: Path, urls: list[str], *, recorder: bool = False) -> Iterator[tuple[str, str, str, int]]:
    """Aggregator and box; gives the page, the box's status address, the password and the box's process id.

    Args:
        folder: For their data.
        urls: Of the cameras.
        recorder: With recorder and clips.
    """
    http, broker, status = free_port(), free_port(), free_port()
    roles = {demo_site.DemoCamera(f"cam-{i}", f"Camera {i}", "", RULES): url for i, url in enumerate(urls)}
    centre = yaml.safe_load(demo_site.aggregator_settings(http, broker))
    centre["alerts"] = centre.get("alerts", {}) | {"operators": 1000}  # no flood: the page shows all alerts
    (folder / "aggregator.yaml").write_text(yaml.safe_dump(centre, allow_unicode=True))
    page, health = f"http://127.0.0.1:{http}", f"http://127.0.0.1:{status}"
    (folder / demo_site.FOOTAGE).mkdir(exist_ok=True)
    uplink = page if recorder else ""
    (folder / "box.yaml").write_text(demo_site.box_settings(roles, broker, status, uplink=uplink, recorder=recorder))
    aggregator = _start(folder, "aggregator", "run", str(folder / "aggregator.yaml"), "--one-time-password", "bench")
    box: subprocess.Popen[bytes] | None = None
    try:
        _until(lambda: answers(f"{page}/healthz"), folder / "aggregator.log")
        hand_over_password(folder / "aggregator" / "broker.json", folder / "broker.password")
        if trust_command(folder / "aggregator.yaml", demo_site.SITE, folder / demo_site.TRUST) != 0:
            raise RuntimeError("the trust file cannot be made")
        box = _start(folder, "edge", "run", str(folder / "box.yaml"))
        _until(lambda: answers(f"{health}/healthz"), folder / "edge.log")
        yield page, f"{health}/metrics", one_time_password(folder / "aggregator.log"), box.pid
    finally:
        for child in (box, aggregator):
            if child is not None:
                end(child)


def _start(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    with (folder / f"{words[0]}.log").open("ab") as out:
        return subprocess.Popen([sys.executable, "-m", "paifang.cli", *words], stdout=out, stderr=out)


def _until(true: Any, log: Path) -> None:
    for _ in range(400):
        if true():
            return
        time.sleep(0.1)
    raise RuntimeError(log.read_text()[-2000:])


def _open(page: Page, url: str, password: str) -> None:
    page.goto(url)
    page.get_by_test_id("login-name").fill("bench")
    page.get_by_test_id("login-password").fill(password)
    page.get_by_test_id("login-submit").click()
    page.get_by_test_id("alert-row").first.wait_for(timeout=60_000)
    page.evaluate(OBSERVER)


def _counters(url: str) -> dict[str, float]:
    with urllib.request.urlopen(url) as answer:
        lines = answer.read().decode().splitlines()
    found = (re.match(r"paifang_edge_(\S+?)(?:_total)?(\{.*\})? ([\d.e+]+)$", line) for line in lines)
    return {m[1] + (m[2] or ""): float(m[3]) for m in found if m}
