"""The centre that the benchmark `dashboard` measures: open alerts, the aggregator's process, a publisher."""

from __future__ import annotations

import contextlib
import itertools
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

import httpx2
import paho.mqtt.client as mqtt
import yaml
from paho.mqtt.enums import CallbackAPIVersion

from aggregator import app
from aggregator.domain.accounts.authorization import parse
from aggregator.domain.alerts.rules import AlertRules
from aggregator.ingest.batch_processor import BatchProcessor
from aggregator.messaging.broker_config import BrokerCredentials, accounts
from aggregator.messaging.mqtt_client import InboundMessage
from aggregator.settings import aggregator as aggregator_settings
from aggregator.settings.aggregator import EmbeddedBroker, Settings
from aggregator.storage import STORES
from benchmarks.machine import end, free_port, process_cpu_s, process_rss_mb
from common.clock import SystemClock
from common.secret import Secret
from protocol.envelope import Event, encode
from protocol.event_types import KIND_OF, CameraCovered, Data, DoorDuress, ZoneEntered
from protocol.identifiers import uuid7
from protocol.topics import BoxTopics

SITE, BOX, EPOCH, PASSWORD = "village", "box-1", "da", "a long enough password"
USERS = tuple(f"monitor-{number}" for number in range(5))
"""A user may have 20 streams."""
BATCH = 500
_WEEK_S = 7 * 86_400


def event_of(sequence: int, camera: int) -> Event:
    """An event that opens a camera's alert: one of a hundred critical, a third high, the others medium."""
    data, now_ns = _data(camera), time.time_ns()
    return Event(
        uuid7(now_ns, secrets.token_bytes(10)), SITE, BOX, f"cam-{camera}", KIND_OF[type(data)], now_ns, sequence,
        data, EPOCH,
    )  # fmt: skip


def _data(number: int) -> Data:
    if number % 100 == 0:
        return DoorDuress(door=f"door-{number}")
    if number % 3 == 0:
        return CameraCovered()
    return ZoneEntered(zone="yard", object="person", track=1, bbox=(1.0, 2.0, 3.0, 4.0), confidence=0.9)


def fill(settings: Settings, count: int) -> None:
    """Open alerts in a new database, and make the users."""
    for name in USERS:
        app.add_user(settings, name, Secret(PASSWORD), [parse(f"monitor@{SITE}")])
    clock = SystemClock()
    store = STORES["sqlite"](Path(settings.data))
    with contextlib.closing(store), contextlib.closing(store.writer()) as writer:
        processor = BatchProcessor(
            writer, clock, lambda: uuid7(clock.wall_ns(), secrets.token_bytes(10)), rules=AlertRules(settings.alerts)
        )
        topic = BoxTopics(SITE, BOX).events
        for first in range(1, count + 1, BATCH):
            numbers = range(first, min(first + BATCH, count + 1))
            processor.process([InboundMessage(topic, encode(event_of(it, it))) for it in numbers])


@dataclass
class Centre:
    """A running aggregator.

    Attributes:
        pid: Its process; `processes` are those that it started too.
    """

    url: str
    pid: int
    broker_port: int
    account: BrokerCredentials

    def processes(self) -> list[int]:
        """The aggregator, its broker and its senders."""
        found, new = [self.pid], [self.pid]
        while new:
            new = [child for pid in new for child in _children(pid)]
            found += new
        return found

    def cpu_s(self) -> float:
        """CPU seconds of all processes so far."""
        return sum(_safe(process_cpu_s, it) for it in self.processes())

    def rss_mb(self) -> float:
        """Resident memory of all processes."""
        return sum(_safe(process_rss_mb, it) for it in self.processes())

    def client(self, user: str) -> httpx2.Client:
        """Somebody who is logged in."""
        client = httpx2.Client(base_url=self.url, headers={"Origin": self.url}, timeout=30.0, verify=False)
        answer = client.post("/login", data={"name": user, "password": PASSWORD})
        if answer.status_code != 303:
            raise RuntimeError(f"log-in of {user}: HTTP {answer.status_code}")
        return client


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def _safe(read: Callable[[int], float], pid: int) -> float:
    """A process that ended meanwhile counts as nothing."""
    try:
        return read(pid)
    except (OSError, IndexError, ValueError):
        return 0.0


@contextlib.contextmanager
def running(folder: Path, count: int) -> Iterator[Centre]:
    """The aggregator over a new database with open alerts.

    Raises:
        RuntimeError: It does not start; with its log.
    """
    http, broker = free_port(), free_port()
    path = folder / "aggregator.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "data": "data",
                "http": {"port": http},
                "broker": {"kind": "embedded", "port": broker},
                "sites": {SITE: {"name": "Village", "timezone": "Asia/Shanghai"}},
                "alerts": {
                    "rules": {it: {"window_s": _WEEK_S} for it in ("zone.entered", "door.duress")},
                    "operators": 1000,  # no flood: all alerts are in the list
                },
            }
        )
    )
    settings = aggregator_settings.load(path)
    fill(settings, count)
    log = folder / "aggregator.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "paifang.cli", "aggregator", "run", str(path)]
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        url = f"http://127.0.0.1:{http}"
        _wait(process, url, log)
        assert isinstance(settings.broker, EmbeddedBroker)
        account = accounts(Path(settings.data), settings.broker, app.new_token)["box"]
        yield Centre(url, process.pid, broker, account)
    finally:
        end(process)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + 120
    while True:
        with contextlib.suppress(httpx2.HTTPError):
            if httpx2.get(f"{url}/healthz", timeout=5.0, verify=False).status_code == 200:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the aggregator does not start: {log.read_text()[-2000:]}")
        time.sleep(0.2)


@contextlib.contextmanager
def publishing(centre: Centre, first: int, per_s: float) -> Iterator[None]:
    """New alerts at a steady rate, and as many of the most urgent closed: the number of open ones stays.

    A camera whose alert was closed opens the next one; there are as many cameras as a site has.

    Raises:
        RuntimeError: An alert was not closed.
    """
    stop, idle, problems = threading.Event(), SimpleQueue[int](), list[str]()
    threads = [
        threading.Thread(target=_publish, args=(centre, first, per_s, stop, idle)),
        threading.Thread(target=_close, args=(centre, round(per_s), stop, idle, problems)),
    ]
    for it in threads:
        it.start()
    try:
        yield
    finally:
        stop.set()
        for it in threads:
            it.join()
    if problems:
        raise RuntimeError(f"{len(problems)} times an alert was not closed: {problems[0]}")


def _publish(centre: Centre, first: int, per_s: float, stop: threading.Event, idle: SimpleQueue[int]) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
    client.username_pw_set(centre.account.username, centre.account.password.reveal())
    client.connect("127.0.0.1", centre.broker_port)
    client.loop_start()
    started, number = time.monotonic(), 0
    while not stop.wait(max(0.0, started + number / per_s - time.monotonic())):
        try:
            camera = idle.get_nowait()
        except Empty:
            camera = first + number
        client.publish(BoxTopics(SITE, BOX).events, encode(event_of(first + number, camera)), qos=1)
        number += 1
    client.disconnect()
    client.loop_stop()


def _close(centre: Centre, count: int, stop: threading.Event, idle: SimpleQueue[int], problems: list[str]) -> None:
    """An operator who closes so many alerts a second."""
    started = time.monotonic()
    with contextlib.closing(centre.client(USERS[0])) as client:
        for turn in itertools.count(1):
            if stop.wait(max(0.0, started + turn - time.monotonic())):
                return
            found = client.get("/api/alerts", params={"order": "urgency", "limit": count}).json()["alerts"]
            body = {"ids": [it["id"] for it in found], "action": "close", "outcome": "false_alarm", "note": "measured"}
            for it in client.post("/api/alerts/bulk", json=body).raise_for_status().json()["results"]:
                if it["result"] == "done":
                    idle.put(int(it["alert"]["camera"].removeprefix("cam-")))
                else:
                    problems.append(it["error"])
