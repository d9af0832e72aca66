"""The real processes of a village for end-to-end tests: RTSP server, box, aggregator with its broker."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from port_kit import free_port

from demo import demo_site, sample_clips
from demo.cli import clip_folders
from demo.media_loop import load
from demo.process_supervisor import answers, hand_over_password, one_time_password

from edge_kit import Served  # isort: skip

ZONE = {"name": "picture", "polygon": [[0.02, 0.02], [0.98, 0.02], [0.98, 0.99], [0.02, 0.99]]}
LINE = {"name": "middle", "points": [[0.5, 0.0], [0.5, 1.0]]}
RULES: dict[str, Any] = {"zones": [{**ZONE, "report": ["entered", "left"]}], "lines": [LINE]}


def wait_until(true: Callable[[], object], timeout_s: float, what: str) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s} s"
        time.sleep(0.1)


def walkway(cache: Path) -> Path:
    """Real walkers: from the folder beside the checkout, else out of Debian's package."""
    cache.mkdir(parents=True, exist_ok=True)
    source = sample_clips.fetch(sample_clips.WALKWAY, cache, clip_folders())
    return sample_clips.prepare(source, cache / "walkway.mp4")


@dataclass
class Program:
    """One `paifang …` process and its log."""

    words: list[str]
    log: Path
    child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as out:
            self.child = subprocess.Popen([sys.executable, "-m", "paifang.cli", *self.words], stdout=out, stderr=out)

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self.child is not None
        return self.child.pid

    def kill(self) -> None:
        """As the kernel does when memory is short."""
        assert self.child is not None
        self.child.kill()
        self.child.wait()

    def stop(self) -> int:
        """Ask it to end; returns its exit code."""
        assert self.child is not None
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(60)


@dataclass
class Village:
    """Everything of one village, in one folder."""

    folder: Path
    clip: Path
    rules: dict[str, Any] = field(default_factory=lambda: RULES)

    def __post_init__(self) -> None:
        self.http, self.broker, self.status = free_port(), free_port(), free_port()
        self.rtsp = Served({"walkway": load(self.clip)})
        role = demo_site.DemoCamera("walkway", "Walkway", self.clip.name, self.rules)
        (self.folder / "aggregator.yaml").write_text(demo_site.aggregator_settings(self.http, self.broker))
        box = yaml.safe_load(demo_site.box_settings({role: self.rtsp.url("walkway")}, self.broker, self.status))
        box["models"] = os.environ.get("PAIFANG_TEST_MODELS") or str(Path.home() / ".cache/paifang-tests/models")
        (self.folder / "box.yaml").write_text(yaml.safe_dump(box))
        run = ["aggregator", "run", str(self.folder / "aggregator.yaml"), "--one-time-password", "tester"]
        self.aggregator = Program(["--log-level", "debug", *run], self.folder / "aggregator.log")
        self.box = Program(
            ["--log-level", "debug", "edge", "run", str(self.folder / "box.yaml")], self.folder / "box.log"
        )

    @property
    def url(self) -> str:
        """The dashboard."""
        return f"http://127.0.0.1:{self.http}"

    def start_aggregator(self) -> None:
        """Start it and wait until it is well."""
        self.aggregator.start()
        wait_until(lambda: answers(f"{self.url}/healthz"), 40, "the aggregator")
        accounts = self.folder / "aggregator" / "broker.json"
        assert hand_over_password(accounts, self.folder / "broker.password")

    def start_box(self) -> None:
        """Start it and wait until its camera is up."""
        self.box.start()
        wait_until(lambda: answers(f"http://127.0.0.1:{self.status}/healthz"), 40, "the box")

    def password(self) -> str:
        """The one-time password of `tester`, of the aggregator's last start."""
        return one_time_password(self.folder / "aggregator.log")

    def broker_pid(self) -> int:
        """The nats-server that the aggregator started last."""
        lines = (self.folder / "aggregator.log").read_text().splitlines()
        ready = [json.loads(line) for line in lines if '"broker ready"' in line]
        return int(ready[-1]["pid"])

    def events(self) -> list[tuple[str, int, str]]:
        """Epoch, sequence and kind of every committed event."""
        with sqlite3.connect(f"file:{self.database()}?mode=ro", uri=True) as db:
            return db.execute("SELECT epoch, sequence, kind FROM events ORDER BY sequence").fetchall()

    def database(self) -> Path:
        """The aggregator's database."""
        return self.folder / "aggregator" / "aggregator.db"

    def outbox(self) -> tuple[int, int]:
        """Highest number given and events that wait."""
        with sqlite3.connect(f"file:{self.folder / 'box' / 'outbox.sqlite3'}?mode=ro", uri=True) as db:
            last = int(db.execute("SELECT value FROM meta WHERE key = 'last'").fetchone()[0])
            return last, int(db.execute("SELECT count(*) FROM events").fetchone()[0])

    def close(self) -> None:
        """Stop what runs, by process id."""
        for program in (self.box, self.aggregator):
            if program.child is not None and program.child.poll() is None:
                program.stop()
        self.rtsp.close()
