"""`ingest`: events drained from the broker to committed rows and alerts, beside a client that merely inserts them.

Both sides take turns in one run. In each round every side's persistent session is opened first, so that the broker
queues for it; then separate processes publish; then each side drains its own copy alone, timed from its first
message to its last commit and acknowledgement. The floor is the least that any client of this kind must do: the same
paho settings, `json`-decode, insert batches of 500 into SQLite (WAL, FULL), acknowledge. No validation, no
duplicates, no alerts, no receipts.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import secrets
import select
import sqlite3
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from aggregator.domain.read_models import AlertQuery
from aggregator.ingest.batch_processor import BatchProcessor
from aggregator.ingest.consumer import BrokerConnection, EventConsumer
from aggregator.ingest.ingest_monitor import IngestMonitor
from aggregator.messaging.broker_config import BrokerCredentials, accounts
from aggregator.messaging.embedded_broker import EmbeddedServer
from aggregator.messaging.mqtt_client import BrokerEndpoint, MqttClient
from aggregator.monitoring.change_feed import ChangeFeed
from aggregator.monitoring.health import Health
from aggregator.monitoring.metrics import Metrics
from aggregator.settings.aggregator import EmbeddedBroker
from aggregator.storage import STORES
from aggregator.storage.write_queue import WriteQueue
from benchmarks.machine import free_port
from common.clock import SystemClock
from common.running.backoff import Backoff
from protocol.envelope import MAX_MESSAGE_BYTES, Event, encode
from protocol.event_types import ZoneEntered
from protocol.identifiers import uuid7
from protocol.topics import BoxTopics

PUBLISHERS = 2
ROUNDS = {True: (3, 10_000), False: (5, 30_000)}
"""Quick or not → rounds, events a round. The broker's limit of messages under way stays below a round."""
FLOOR_BATCH = 500
_EPOCH = "be"


def run(quick: bool) -> dict[str, Any]:
    """Measure.

    Args:
        quick: Fewer and smaller rounds.

    Returns:
        `figures` (medians over rounds), `peers`, and the commands that ran.
    """
    rounds, count = ROUNDS[quick]
    ours, floor, kept = [], [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = EmbeddedBroker(port=free_port())
        users = accounts(folder, settings, lambda: secrets.token_urlsafe(24))
        server = EmbeddedServer(settings, folder, users, Backoff(random.random))
        server.start()
        try:
            for number in range(rounds):
                result = _round(folder / str(number), settings.port, users, count, number)
                ours.append(result["ours"])
                floor.append(result["floor"])
                kept.append((result["lost"], result["doubled"]))
        finally:
            server.stop()
    return {
        "commands": ["nats-server -c broker.conf", f"{PUBLISHERS} publisher processes, QoS 1, {count} events a round"],
        "figures": {
            "events_per_s": statistics.median(ours),
            "lost": sum(lost for lost, _ in kept),
            "doubled": sum(doubled for _, doubled in kept),
            "ratio_to_floor": statistics.median(a / b for a, b in zip(ours, floor, strict=True)),
        },
        "peers": {"floor_events_per_s": statistics.median(floor)},
    }


def _round(folder: Path, port: int, users: dict[str, BrokerCredentials], count: int, number: int) -> dict[str, float]:
    folder.mkdir()
    own = users["aggregator"]
    targets = {side: BrokerEndpoint("127.0.0.1", port, side, own.username, own.password) for side in ("ours", "floor")}
    for target in targets.values():
        MqttClient.open(target).close()
    _publish_all(port, users["box"], count, number)
    sides = {
        "ours": lambda: _ours(folder, targets["ours"], count),
        "floor": lambda: _floor(folder, targets["floor"], count),
    }
    order = ["ours", "floor"] if number % 2 else ["floor", "ours"]
    seconds = {side: sides[side]() for side in order}
    reader = STORES["sqlite"](folder).reader()
    events = reader.event_count()
    counted = sum(alert.count for alert in reader.alerts(AlertQuery(limit=10_000)))
    return {
        "ours": count / seconds["ours"],
        "floor": count / seconds["floor"],
        "lost": max(0, count - events),
        "doubled": max(0, counted - count),
    }


def _ours(folder: Path, target: BrokerEndpoint, count: int) -> float:
    """Seconds that the aggregator's own ingest takes."""
    clock = SystemClock()
    writer = STORES["sqlite"](folder).writer()
    processor = BatchProcessor(writer, clock, lambda: uuid7(clock.wall_ns(), secrets.token_bytes(10)))
    metrics, queue = Metrics(), WriteQueue(writer)
    first: list[float] = []
    stop = threading.Event()

    class Watched(MqttClient):
        """Notes when the first message came and ends the run after the last acknowledgement."""

        acknowledged = 0

        def collect(self, limit: int) -> list[Any]:
            messages = super().collect(limit)
            if messages and not first:
                first.append(time.perf_counter())
            return messages

        def acknowledge(self, messages: Any) -> None:
            super().acknowledge(messages)
            self.acknowledged += len(messages)
            if self.acknowledged >= count:
                stop.set()

    ingest = EventConsumer(
        connection=BrokerConnection(lambda: Watched.open(target), Backoff(random.random)), processor=processor,
        queue=queue, clock=clock, monitor=IngestMonitor(Health(clock), metrics, ChangeFeed()),
    )  # fmt: skip
    ingest.run(stop)
    seconds = time.perf_counter() - first[0]
    writer.close()
    return seconds


def _floor(folder: Path, target: BrokerEndpoint, count: int) -> float:
    """Seconds that a client takes which decodes, inserts and acknowledges, and does nothing else."""
    database = sqlite3.connect(folder / "floor.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute(
        "CREATE TABLE events (id TEXT PRIMARY KEY, source TEXT, type TEXT, time TEXT, seq INTEGER, data TEXT)"
    )
    waiting: list[mqtt.MQTTMessage] = []
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id=target.client_id, clean_session=False, protocol=mqtt.MQTTv311,
        manual_ack=True,
    )  # fmt: skip
    client.username_pw_set(target.username, target.password.reveal() if target.password else None)
    client.on_message = lambda _client, _data, message: waiting.append(message)
    client.connect(target.host, target.port)
    done, started = 0, 0.0
    while done < count:
        _read(client, waiting)
        if waiting and not started:
            started = time.perf_counter()
        if len(waiting) >= FLOOR_BATCH or done + len(waiting) >= count:
            rows = [_row(bytes(message.payload)) for message in waiting]
            database.execute("BEGIN")
            database.executemany("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?)", rows)
            database.execute("COMMIT")
            for message in waiting:
                client.ack(message.mid, message.qos)
            done += len(waiting)
            waiting.clear()
    seconds = time.perf_counter() - started
    client.disconnect()
    database.close()
    return seconds


def _read(client: mqtt.Client, waiting: list[mqtt.MQTTMessage]) -> None:
    """Wait for a message and take what is there, the cheapest way that paho has: no call of `select` per message."""
    connection = client.socket()
    if connection is None:
        raise RuntimeError("the broker has closed the connection")
    select.select([connection], [], [], 0.05)
    before = -1
    while before != len(waiting) < FLOOR_BATCH:
        before = len(waiting)
        client.loop_read()
    client.loop_misc()


def _row(payload: bytes) -> tuple[Any, ...]:
    it = json.loads(payload)
    return it["id"], it["source"], it["type"], it["time"], it["sequence"], json.dumps(it["data"])


def _publish_all(port: int, account: BrokerCredentials, count: int, number: int) -> None:
    context = multiprocessing.get_context("spawn")
    words = (port, account.username, account.password.reveal())
    workers = [
        context.Process(
            target=_publish, args=words, kwargs={"count": count // PUBLISHERS, "number": number, "worker": worker}
        )
        for worker in range(PUBLISHERS)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        if worker.exitcode != 0:
            raise RuntimeError("a publisher failed")


def _publish(port: int, username: str, password: str, *, count: int, number: int, worker: int) -> None:
    """Publish `count` events of one box and wait until the broker has them all (in a process of its own)."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
    client.max_inflight_messages_set(2000)
    client.username_pw_set(username, password)
    client.connect("127.0.0.1", port)
    client.loop_start()
    box = f"box-{worker}"
    topic = BoxTopics("village", box).events
    last = None
    for sequence in range(1, count + 1):
        payload = encode(_event(box, sequence, f"{_EPOCH}{number}"))
        assert len(payload) < MAX_MESSAGE_BYTES
        last = client.publish(topic, payload, qos=1)
    if last is not None:
        last.wait_for_publish(120)
    while client._out_messages:  # PUBACKs may come out of order
        time.sleep(0.01)
    client.disconnect()
    client.loop_stop()


def _event(box: str, sequence: int, epoch: str) -> Event:
    """About 400 bytes on the wire: eight cameras with four zones each."""
    now_ns = time.time_ns()
    data = ZoneEntered(
        zone=f"zone-{sequence % 4}-in-front-of-the-northern-gate-and-visitors-yard", object="person", track=sequence,
        bbox=(101.25, 88.5, 142.75, 201.125), confidence=0.8125,
    )  # fmt: skip
    place = f"camera-{sequence % 8}-above-the-northern-gate-house"
    return Event(
        uuid7(now_ns, secrets.token_bytes(10)), "village", box, place, "zone.entered", now_ns, sequence, data, epoch
    )
