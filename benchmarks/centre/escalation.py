"""`escalation`: how late a step of a chain is taken while the aggregator is killed again and again.

The whole aggregator runs as a process of its own and is started again at once after each kill -9, as a supervisor of
processes would. Critical alerts that nobody acknowledges climb a chain of levels; the due time and the time of every
step are in the database. A step that fell due while no process ran is taken after the start.
"""

from __future__ import annotations

import contextlib
import random
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from aggregator import app
from aggregator.domain.accounts.authorization import parse
from aggregator.domain.escalation.records import TakenStep
from aggregator.domain.read_models import AlertQuery
from aggregator.ingest.batch_processor import BatchProcessor
from aggregator.messaging.mqtt_client import InboundMessage
from aggregator.settings import aggregator as aggregator_settings
from aggregator.storage import STORES
from benchmarks.machine import free_port
from common.clock import SECOND_NS, SystemClock
from common.secret import Secret
from protocol.envelope import Event, encode
from protocol.event_types import DoorForced
from protocol.identifiers import uuid7
from protocol.topics import BoxTopics

ALERTS = 40
LEVELS = {True: 4, False: 8}
STEP_S = {True: 6.0, False: 15.0}
KILLS = {True: 2, False: 20}
SITE, BOX = "village", "box-1"
_DUE_WITHIN_S = 5.0


def run(quick: bool) -> dict[str, Any]:
    """Measure.

    Args:
        quick: Fewer kills and levels.

    Returns:
        `figures`, `peers`, and the command that ran.
    """
    dice = random.Random(7)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        path = _configuration(Path(name), LEVELS[quick], STEP_S[quick])
        settings = aggregator_settings.load(path)
        folder = Path(settings.data)
        for number in range(LEVELS[quick]):
            app.add_user(settings, f"user-{number}", Secret("a long enough password"), [parse(f"monitor@{SITE}")])
        alerts = _open_alerts(folder, STEP_S[quick] / ALERTS)
        command = [sys.executable, "-m", "paifang.cli", "aggregator", "run", str(path)]
        stop = threading.Event()
        killer = threading.Thread(target=_kill, args=(command, KILLS[quick], dice, stop), daemon=True)
        killer.start()
        stack.callback(killer.join, 60)
        stack.callback(stop.set)
        steps = _wait_for_steps(folder, alerts, LEVELS[quick], 3 * LEVELS[quick] * STEP_S[quick])
    late = sorted((it.time_ns - it.due_ns) / SECOND_NS for it in steps)
    taken = Counter((it.timer, it.step) for it in steps)
    return {
        "commands": [f"paifang aggregator run, {KILLS[quick]} kills, {ALERTS} alerts, {LEVELS[quick]} levels"],
        "figures": {
            "steps": len(steps),
            "missing_steps": ALERTS * LEVELS[quick] - len(taken),
            "doubled_steps": len(steps) - len(taken),
            "late_s_median": statistics.median(late),
            "late_s_p99": late[int(len(late) * 0.99)],
            "late_s_most": late[-1],
            "later_than_5_s": sum(it > _DUE_WITHIN_S for it in late),
        },
        "peers": {},
    }


def _configuration(folder: Path, levels: int, step_s: float) -> Path:
    path = folder / "aggregator.yaml"
    chain = [{"notify": [f"user:user-{it}"], "minutes": {"critical": step_s / 60}} for it in range(levels)]
    settings = {
        "data": str(folder / "data"),
        "http": {"port": free_port()},
        "broker": {"kind": "embedded", "port": free_port()},
        "sites": {SITE: {"timezone": "Asia/Shanghai"}},
        "escalation": {SITE: {"chains": {"all": {"areas": ["*"], "levels": chain}}}},
    }
    path.write_text(yaml.safe_dump(settings))
    return path


def _open_alerts(folder: Path, pause_s: float) -> list[str]:
    """Doors that were forced a moment ago, at instants that differ: their steps do not fall due together."""
    clock = SystemClock()
    store = STORES["sqlite"](folder)
    with contextlib.closing(store), contextlib.closing(store.writer()) as writer:
        processor = BatchProcessor(writer, clock, lambda: uuid7(clock.wall_ns(), secrets.token_bytes(10)))
        for number in range(1, ALERTS + 1):
            data, now_ns = DoorForced(door=f"door-{number}"), clock.wall_ns()
            made = Event(
                uuid7(now_ns, secrets.token_bytes(10)), SITE, BOX, f"door-{number}", "door.forced", now_ns, number,
                data, "da",
            )  # fmt: skip
            processor.process([InboundMessage(BoxTopics(SITE, BOX).events, encode(made))])
            time.sleep(pause_s)
        return [it.id for it in store.reader().alerts(AlertQuery(limit=ALERTS))]


def _kill(command: list[str], kills: int, dice: random.Random, stop: threading.Event) -> None:
    """Run the aggregator; kill it at random instants, and start it again at once."""
    with _running(command) as process:
        while not stop.wait(0.05):
            if kills and not stop.wait(2 + dice.random() * 4):
                process[0].kill()
                process[0].wait()
                process[0] = _started(command)
                kills -= 1


@contextlib.contextmanager
def _running(command: list[str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    process = [_started(command)]
    try:
        yield process
    finally:
        process[0].send_signal(signal.SIGINT)
        process[0].wait(30)


def _started(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _wait_for_steps(folder: Path, alerts: list[str], levels: int, limit_s: float) -> list[TakenStep]:
    """All steps, when all are taken, or what there is after the limit."""
    deadline = time.monotonic() + limit_s
    with contextlib.closing(STORES["sqlite"](folder)) as store:
        reader = store.reader()
        while True:
            steps = [step for alert in alerts for step in reader.taken_steps(alert)]
            if len(steps) >= len(alerts) * levels or time.monotonic() > deadline:
                return steps
            time.sleep(0.5)
