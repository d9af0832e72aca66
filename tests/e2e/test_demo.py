"""`paifang demo`: what a newcomer runs first."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import httpx2
import pytest
from village_kit import wait_until, walkway

from demo import demo_site, drawn_gate
from models.files.store import ModelStore


def children(pid: int) -> set[int]:
    """Process ids of all descendants."""
    found: set[int] = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if parent == pid:
            found |= {int(stat.parent.name)} | children(int(stat.parent.name))
    return found


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())


def listed(page: str, told: str) -> set[tuple[str, str]]:
    """The site's list, as the supervisor sees it whose password the demonstration told."""
    name, password = re.findall(r"user (supervisor), password (\S+)", told)[0]
    with httpx2.Client(base_url=page, headers={"Origin": page}) as client:
        client.post("/login", data={"name": name, "password": password})
        entries = client.get(f"/api/sites/{demo_site.SITE}/list").json()["entries"]
    return {(it["text"], it["standing"]) for it in entries}


@pytest.mark.timeout(240)
def test_the_demo_runs_says_where_and_stops_cleanly(models: ModelStore, tmp_path: Path) -> None:
    clip = walkway(Path.home() / ".cache" / "paifang-tests" / "clips")
    (tmp_path / "models").symlink_to(models.folder)
    log = tmp_path / "demo.log"
    words = ["demo", "--source", str(clip), "--port", "0", "--folder", str(tmp_path / "var")]
    with log.open("wb") as out:
        demo = subprocess.Popen(
            [sys.executable, "-m", "paifang.cli", *words],
            stdout=out,
            stderr=out,
            env=os.environ | {"PAIFANG_DATA": str(tmp_path)},
            start_new_session=True,
        )
    try:
        wait_until(lambda: "Ctrl-C" in log.read_text() or demo.poll() is not None, 90, "the demo")
        told = log.read_text()
        page, box = re.findall(r"http://127\.0\.0\.1:\d+", told)[:2]
        assert re.search(r"One-time password \S{20,}", told)
        assert json.loads(get(f"{page}/healthz"))["ok"] is True
        wait_until(lambda: "camera_up" in get(f"{box}/metrics"), 30, "metrics")
        wait_until(lambda: 'camera_up{camera="camera-1"} 1.0' in get(f"{box}/metrics"), 30, "the camera")
        assert listed(page, told) == {(drawn_gate.REGISTERED, "registered"), (drawn_gate.BARRED, "barred")}
        started = children(demo.pid)
        assert len(started) >= 3, "aggregator, its broker, and the box are processes of their own"
        os.killpg(demo.pid, signal.SIGINT)  # as a terminal does
        assert demo.wait(40) == 0
        assert "ended by itself" not in log.read_text()
        alive = {pid for pid in started if Path(f"/proc/{pid}").exists()}
        assert not alive
    finally:
        if demo.poll() is None:
            demo.kill()
            demo.wait()


def test_a_source_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "paifang.cli", "demo", "--source", "nowhere.mp4", "--folder", str(tmp_path / "v")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "nowhere.mp4" in done.stderr
