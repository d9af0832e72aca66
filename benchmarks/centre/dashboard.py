"""`dashboard`: the alert queue with 10,000 open alerts in Chromium, and 50 browsers at once.

- Paint: from the navigation to the first frame that shows an alert, in a browser that has loaded the page once before.
- Interaction: from a key to the next frame after its effect (J, A, End, Home, PageDown).
- Page: bytes on the wire of the queue's page after the first load.
- Browsers: 50 that hold the page's feed and ask what the page asks, a few of them Chromium, the others clients in a
  process of their own; 5 new alerts a second, and as many closed. CPU and memory are those of the aggregator with its
  broker and senders, not of the browsers.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from chromium_kit import chromium_program
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.centre.dashboard_kit import PASSWORD, USERS, Centre, publishing, running
from benchmarks.machine import percentile

ALERTS, BROWSERS, REAL, PER_S = 10_000, 50, 3, 5.0
LOADS = {True: 3, False: 15}
SECONDS = {True: 60, False: 1800}
WARM_S = {True: 15, False: 300}
"""Caches fill meanwhile; memory is compared from then on."""
KEYS = ("j",) * 20 + ("End", "Home", "PageDown", "PageDown") + ("a",) * 10
TARGETS = {
    "first_paint_s": 2.0, "interaction_p95_ms": 100.0, "page_kb": 600.0, "cpu_cores": 1.0, "memory_mb": 600.0,
    "memory_growth_mb": 10.0,
}  # fmt: skip
"""At most."""
WATCH_JS = """
window.paint = null;
const seen = new MutationObserver(() => {
  if (window.paint !== null || !document.querySelector('[data-testid=alert-row]')) return;
  requestAnimationFrame(() => setTimeout(() => { window.paint ??= performance.now(); }));
});
seen.observe(document, { childList: true, subtree: true });
window.keys = [];
addEventListener('keydown', event => {
  const from = event.timeStamp;
  requestAnimationFrame(() => setTimeout(() => window.keys.push(performance.now() - from)));
}, true);
"""


def run(quick: bool) -> dict[str, Any]:
    """Measure.

    Args:
        quick: One minute instead of thirty, and fewer page loads.

    Returns:
        `figures`, `peers` (the targets: at most), and the commands that ran.
    """
    with tempfile.TemporaryDirectory() as name, running(Path(name), ALERTS) as centre, _browser() as browser:
        figures = _page(centre, browser, LOADS[quick]) | _crowd(centre, browser, quick)
    return {
        "commands": [
            f"{ALERTS} open alerts, {LOADS[quick]} page loads, {len(KEYS)} keys",
            f"{BROWSERS} browsers ({REAL} Chromium) for {SECONDS[quick]} s, {PER_S:.0f} alerts/s",
        ],
        "figures": figures,
        "peers": {f"target_{name}": value for name, value in TARGETS.items()},
    }


@contextmanager
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_program(), args=["--no-sandbox"])
        yield browser
        browser.close()


def _log_in(centre: Centre, browser: Browser, user: str) -> Page:
    page = browser.new_context(locale="en-US").new_page()
    page.set_default_timeout(120_000)
    page.add_init_script(WATCH_JS)
    page.goto(centre.url)
    page.get_by_test_id("login-name").fill(user)
    page.get_by_test_id("login-password").fill(PASSWORD)
    page.get_by_test_id("login-submit").click()
    page.get_by_test_id("alert-row").first.wait_for()
    return page


def _page(centre: Centre, browser: Browser, loads: int) -> dict[str, float]:
    page = _log_in(centre, browser, USERS[0])
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    loaded: list[float] = []
    session.on("Network.loadingFinished", lambda it: loaded.append(it["encodedDataLength"]))
    paints, sizes = [], []
    for _ in range(loads):
        loaded.clear()
        page.goto(centre.url)
        page.wait_for_function("window.paint !== null")
        paints.append(page.evaluate("window.paint") / 1000)
        page.wait_for_timeout(500)
        sizes.append(sum(loaded) / 1000)
    page.evaluate("window.keys = []")
    for key in KEYS:
        page.keyboard.press(key)
    page.wait_for_function(f"window.keys.length === {len(KEYS)}")
    delays = [float(it) for it in page.evaluate("window.keys")]
    page.context.close()
    return {
        "first_paint_s": statistics.median(paints),
        "first_paint_worst_s": max(paints),
        "interaction_p50_ms": statistics.median(delays),
        "interaction_p95_ms": percentile(delays, 0.95),
        "page_kb": max(sizes),
    }


def _crowd(centre: Centre, browser: Browser, quick: bool) -> dict[str, float]:
    seconds, warm_s = SECONDS[quick], WARM_S[quick]
    command = [sys.executable, "-m", "benchmarks.centre.dashboard_clients", centre.url, str(BROWSERS - REAL)]
    with ExitStack() as stack:
        pages = [_log_in(centre, browser, USERS[it]) for it in range(REAL)]
        stack.enter_context(publishing(centre, ALERTS + 1, PER_S))
        others = subprocess.Popen([*command, str(warm_s + seconds + 5)], stdout=subprocess.PIPE, text=True)
        stack.callback(others.kill)
        assert others.stdout is not None
        if others.stdout.readline().strip() != "ready":
            raise RuntimeError("the clients did not log in")
        _watch(centre, pages[0], warm_s)
        spent, started = centre.cpu_s(), time.monotonic()
        memory = _watch(centre, pages[0], seconds)
        cores = (centre.cpu_s() - spent) / (time.monotonic() - started)
        said = json.loads(others.communicate(timeout=300)[0])
    part = max(1, len(memory) // 5)
    return {
        "cpu_cores": cores,
        "memory_mb": max(memory),
        "memory_growth_mb": statistics.median(memory[-part:]) - statistics.median(memory[:part]),
        "clients_to_the_end": said["clients"] + REAL,
        "requests_failed": said["failed"],
        "feeds_broken": said["resets"],
        "alerts_seen_by_each": said["least_alerts"],
    }


def _watch(centre: Centre, page: Page, seconds: float) -> list[float]:
    """Memory, once a second; the browsers' events are handled meanwhile."""
    found, deadline = [], time.monotonic() + seconds
    while time.monotonic() < deadline:
        page.wait_for_timeout(1000)
        found.append(centre.rss_mb())
    return found
