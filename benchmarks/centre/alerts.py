"""`alerts`: events that merge, alerts to the change feed, kill -9, and random histories.

- Merging: raw messages, of which 95 % merge, through validation, duplicates, alerts and history to commits in SQLite
  (WAL, FULL), on one thread. The broker's part is what `ingest` measures.
- Change feed: 500 alerts a second from a publisher through the embedded broker and ingest to a listener on an event
  loop; the time from the event to the listener.
- kill -9: a process that commits the same load is killed at random instants; afterwards each event is stored once and
  counted once, and each alert was opened once.
- Histories: 10,000 random ones; critical alerts that closed without a person.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import random
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from aggregator.domain.read_models import AlertQuery
from aggregator.ingest.consumer import BrokerConnection, EventConsumer
from aggregator.ingest.ingest_monitor import IngestMonitor
from aggregator.messaging.broker_config import BrokerCredentials, accounts
from aggregator.messaging.embedded_broker import EmbeddedServer
from aggregator.messaging.mqtt_client import BrokerEndpoint, MqttClient
from aggregator.monitoring.change_feed import ChangeFeed, ChangeSet
from aggregator.monitoring.health import Health
from aggregator.monitoring.metrics import Metrics
from aggregator.settings.aggregator import EmbeddedBroker
from aggregator.storage import STORES
from aggregator.storage.write_queue import WriteQueue
from benchmarks.centre import alert_load
from benchmarks.centre.alert_load import BATCH, batches, event_of, processor_in
from benchmarks.machine import free_port
from common.clock import SECOND_NS, SystemClock
from common.running.backoff import Backoff
from protocol.envelope import encode
from protocol.topics import BoxTopics

ROUNDS = {True: (3, 20_000), False: (5, 100_000)}
"""Quick or not → rounds, events a round."""
SECONDS = {True: 10, False: 60}
ALERTS_PER_S = 500
KILLS = {True: (5, 20_000), False: (30, 100_000)}
HISTORIES = 10_000


def run(quick: bool) -> dict[str, Any]:
    """Measure.

    Args:
        quick: Fewer and smaller rounds; as many histories.

    Returns:
        `figures`, `peers`, and the commands that ran.
    """
    rounds, count = ROUNDS[quick]
    merged = [_merge_rate(count) for _ in range(rounds)]
    delays = _delays(SECONDS[quick])
    kills = _killed(*KILLS[quick])
    return {
        "commands": [
            f"{count} events a round",
            f"{ALERTS_PER_S} alerts/s for {SECONDS[quick]} s, embedded nats-server",
        ],
        "figures": {
            "events_per_s": statistics.median(it["events_per_s"] for it in merged),
            "events_per_cpu_s": statistics.median(it["events_per_cpu_s"] for it in merged),
            "merged_share": statistics.median(it["merged_share"] for it in merged),
            "p50_to_feed_s": delays["p50"],
            "p99_to_feed_s": delays["p99"],
            "alerts_per_s": delays["per_s"],
            **kills,
            "critical_closed_unseen": _unseen(HISTORIES),
        },
        "peers": {},
    }


def _merge_rate(count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        load = list(batches(count, time.time_ns()))
        processor = processor_in(Path(name))
        processor.process([])  # what is read once
        started, computed = time.perf_counter(), time.process_time()
        for batch in load:
            processor.process(batch)
        seconds, cpu_s = time.perf_counter() - started, time.process_time() - computed
        opened = STORES["sqlite"](Path(name)).reader().alert_count(AlertQuery())
        return {"events_per_s": count / seconds, "events_per_cpu_s": count / cpu_s, "merged_share": 1 - opened / count}


def _delays(seconds: int) -> dict[str, float]:
    """Seconds from an event's time to a listener of the change feed; the first two seconds are left out."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = EmbeddedBroker(port=free_port())
        users = accounts(folder, settings, lambda: secrets.token_urlsafe(24))
        server = EmbeddedServer(settings, folder, users, Backoff(random.random))
        server.start()
        try:
            asyncio.run(_listen(folder, settings.port, users, seconds, found))
        finally:
            server.stop()
    times = sorted(list(found.values())[2 * ALERTS_PER_S :])
    return {
        "p50": times[len(times) // 2],
        "p99": times[len(times) * 99 // 100],
        "per_s": len(found) / seconds,
    }


async def _listen(
    folder: Path, port: int, users: dict[str, BrokerCredentials], seconds: int, found: dict[str, float]
) -> None:
    changes, stop = ChangeFeed(), threading.Event()
    changes.attach(asyncio.get_running_loop())

    def on_update(update: ChangeSet) -> None:
        now_ns = time.time_ns()
        for alert in update.alerts.values():
            found.setdefault(alert.id, (now_ns - alert.first_ns) / SECOND_NS)

    changes.subscribe(on_update)
    own, clock = users["aggregator"], SystemClock()
    writer = processor_in(folder)
    queue = WriteQueue(writer)
    target = BrokerEndpoint("127.0.0.1", port, "ours", own.username, own.password)
    ingest = EventConsumer(
        connection=BrokerConnection(lambda: MqttClient.open(target), Backoff(random.random)),
        processor=writer, queue=queue, clock=clock, monitor=IngestMonitor(Health(clock), Metrics(), changes),
    )  # fmt: skip
    thread = threading.Thread(target=ingest.run, args=(stop,))
    thread.start()
    publisher = multiprocessing.get_context("spawn").Process(
        target=_publish, args=(port, users["box"].username, users["box"].password.reveal(), seconds)
    )
    publisher.start()
    deadline = time.monotonic() + seconds + 60
    while len(found) < ALERTS_PER_S * seconds and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    stop.set()
    queue.wake()
    await asyncio.to_thread(thread.join)
    publisher.join()


def _publish(port: int, username: str, password: str, seconds: int) -> None:
    """Publish events at a steady rate, each of which opens an alert (in a process of its own)."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
    client.max_inflight_messages_set(2000)
    client.username_pw_set(username, password)
    client.connect("127.0.0.1", port)
    client.loop_start()
    time.sleep(1)
    started = time.monotonic()
    for number in range(ALERTS_PER_S * seconds):
        wait_s = started + number / ALERTS_PER_S - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        event = event_of(number, f"zone-{number}", time.time_ns(), secrets.token_bytes(10))
        client.publish(BoxTopics(event.site, event.box).events, encode(event), qos=1)
    while client._out_messages:
        time.sleep(0.01)
    client.disconnect()
    client.loop_stop()


def _killed(kills: int, count: int) -> dict[str, float]:
    """Kill the process that commits, at random instants, until it has been killed so often and is through."""
    start_ns, dice = time.time_ns(), random.Random(4)
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-m", alert_load.__name__, name, str(count), str(start_ns)]
        killed = 0
        while True:
            process = subprocess.Popen(command, stdout=subprocess.PIPE)
            assert process.stdout is not None
            process.stdout.readline()
            if killed < kills:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(dice.random() * count / BATCH * 0.05 / kills)
                killed += process.poll() is None
                process.kill()
            elif process.communicate() and process.returncode == 0:
                break
            process.wait()
        reader = STORES["sqlite"](Path(name)).reader()
        alerts = reader.alerts(AlertQuery(limit=count))
        opened = sum(sum(entry.action == "opened" for entry in reader.history(alert.id, 50)) for alert in alerts)
        counted = sum(alert.count for alert in alerts)
        return {
            "kills": killed,
            "lost": max(0, count - min(reader.event_count(), counted)),
            "doubled": max(0, max(reader.event_count(), counted) - count) + abs(opened - len(alerts)),
        }


def _unseen(histories: int) -> int:
    """Critical alerts of random histories that closed without a person."""
    from alert_histories import play

    return sum(play(seed).unseen for seed in range(histories))
