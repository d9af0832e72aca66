"""kill -9 in the middle of the stream: nothing lost, nothing doubled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
from agg_support import Sender, entered, event, wait_until
from port_kit import free_port

from aggregator import app
from aggregator.domain.read_models import AlertQuery
from aggregator.domain.store_port import Reader
from aggregator.messaging.broker_config import BrokerCredentials, accounts
from aggregator.settings.aggregator import EmbeddedBroker, Settings
from aggregator.storage import STORES
from common.clock import SystemClock
from common.secret import Secret

from storage.test_feed_store import approved  # isort: skip

COUNT = 4000


def check(reader: Reader) -> None:
    """Every event once, each counted once in its alert."""
    assert reader.event_count() == COUNT
    assert sum(it.count for it in reader.alerts(AlertQuery(limit=500))) == COUNT
    (box,) = reader.boxes()
    assert (box.committed, box.gaps, box.lost) == (COUNT, [], 0)


def check_feed(reader: Reader) -> None:
    """Every event once in the feed of consumers, without gaps in its numbers."""
    span = reader.feed_span()
    found = reader.feed_entries(0, 10 * COUNT)
    assert [it.position for it in found] == list(range(1, span.newest + 1))
    events = [it.ref for it in found if it.content == "events"]
    assert len(events) == len(set(events)) == COUNT


def feed(sender: Sender, first: int, last: int) -> None:
    now_ns = SystemClock().wall_ns()
    sender.send(*(event(it, entered(f"zone-{it % 5}"), time_ns=now_ns) for it in range(first, last + 1)))


def wait_for_events(reader: Reader, count: int) -> None:
    wait_until(lambda: reader.event_count() > count)


def wait_for_another(folder: Path, pid: int) -> None:
    wait_until(lambda: broker_pid(folder) != pid)


def wait_for_end(pid: int) -> None:
    wait_until(lambda: not psutil.pid_exists(pid))


def broker_pid(folder: Path) -> int:
    return int((folder / "broker.pid").read_text())


def test_a_killed_broker_comes_back_and_nothing_is_lost(tmp_path: Path) -> None:
    broker = EmbeddedBroker(port=free_port())
    with app.running(Settings(data=str(tmp_path), broker=broker)) as parts:
        reader = parts.core.reader
        sender = Sender(broker.port, accounts(tmp_path, broker, app.new_token)["box"])
        for step in range(4):
            feed(sender, step * COUNT // 4 + 1, (step + 1) * COUNT // 4)
            wait_for_events(reader, step * COUNT // 4 + 50)
            if step < 2:
                pid = broker_pid(tmp_path)
                os.kill(pid, signal.SIGKILL)
                wait_for_another(tmp_path, pid)
        sender.wait()
        sender.close()
        check(reader)
        last = broker_pid(tmp_path)
    assert not psutil.pid_exists(last)


def start(configuration: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "paifang.cli", "aggregator", "run", str(configuration)]
    return subprocess.Popen(command, stderr=(configuration.parent / "log").open("ab"))


def test_a_killed_aggregator_goes_on_where_it_was(tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "data"
    configuration = tmp_path / "aggregator.yaml"
    configuration.write_text(
        json.dumps({"data": "data", "http": {"port": 0}, "broker": {"kind": "embedded", "port": port}})
    )
    folder.mkdir()
    writer = STORES["sqlite"](folder).writer()
    approved(writer)
    writer.close()
    process = start(configuration)
    try:
        wait_until(lambda: b'"listening"' in (tmp_path / "log").read_bytes())
        old = json.loads((folder / "broker.json").read_text())["box"]
        reader = STORES["sqlite"](folder).reader()
        sender = Sender(port, BrokerCredentials(old["username"], Secret(old["password"])))
        for step in range(4):
            feed(sender, step * COUNT // 4 + 1, (step + 1) * COUNT // 4)
            wait_for_events(reader, step * COUNT // 4 + 50)
            if step < 2:
                broker = broker_pid(folder)
                process.kill()
                process.wait()
                wait_for_end(broker)
                process = start(configuration)
        sender.wait()
        sender.close()
        check(reader)
        check_feed(reader)
        broker = broker_pid(folder)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert not psutil.pid_exists(broker)
    finally:
        process.kill()
        process.wait()


def test_a_broker_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    """As after a kill on a system where the server outlives its parent."""
    broker = EmbeddedBroker(port=free_port())
    settings = Settings(data=str(tmp_path), broker=broker)
    with app.running(settings):
        pass
    from aggregator.messaging.embedded_broker import find_server

    stale = subprocess.Popen([find_server(), "-c", str(tmp_path / "broker.conf")], stderr=subprocess.DEVNULL)
    try:
        (tmp_path / "broker.pid").write_text(str(stale.pid))
        with app.running(settings) as parts:
            assert stale.wait(10) is not None
            wait_until(lambda: parts.core.health.broker)
    finally:
        stale.kill()
        stale.wait()
