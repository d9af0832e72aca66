"""`doors`: from a card at a reader to `door.granted`, committed at the aggregator; and what the desk of 64 doors takes.

The card: a simulated reader on a pseudo-terminal, the real box (no cameras), the real broker, the aggregator's real
ingest on SQLite, all in this process but for the broker. The clock starts when the reader is given the card and stops
when the aggregator acknowledges the message, which it does after its commit.

The messages: 64 doors through state machine, pseudonyms and the real outbox, on one core: as fast as it goes, and at
10 a second for each door, where the CPU is measured.
"""

from __future__ import annotations

import os
import random
import secrets
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
from benchmarks.machine import cpu_s, free_port, percentile
from common import settings_loader as loader
from common.clock import SystemClock
from common.running.backoff import Backoff
from common.secret import Secret
from demo.osdp_reader import SimulatedReader
from edge.access.doors.credential_policy import Allowlist, CredentialPolicy
from edge.access.doors.door_signals import CredentialPresented, DoorContact, DoorSignal
from edge.access.doors.factory import BoxContext, Doors
from edge.access.pseudonyms import DailyPseudonyms
from edge.app import Box
from edge.loaded_models import Models
from edge.messaging.outbox import Outbox
from edge.messaging.outbox_store import EventIdentity
from edge.settings.doors import DoorSettings, SimulatedDoor
from edge.settings.node import BoxSettings
from pipelines.types import Detections, Picture
from protocol.envelope import decode
from protocol.identifiers import uuid7

CARDS = {True: 60, False: 300}
DOORS, EACH_PER_S = 64, 10
SECONDS = {True: 5.0, False: 20.0}
CARD = bytes.fromhex("04A2F1C3")


def run(quick: bool) -> dict[str, Any]:
    """Measure both."""
    with tempfile.TemporaryDirectory() as name:
        latencies_ms = _cards(Path(name), CARDS[quick])
    with tempfile.TemporaryDirectory() as name:
        most, cpu_pct = _messages(Path(name), SECONDS[quick])
    return {
        "commands": [
            f"{CARDS[quick]} cards at a simulated OSDP reader on a pty, box → nats-server → ingest",
            f"{DOORS} doors, state machine and outbox, one core, {SECONDS[quick]:.0f} s each way",
        ],
        "figures": {
            "granted_p50_ms": percentile(latencies_ms, 0.5),
            "granted_p95_ms": percentile(latencies_ms, 0.95),
            "messages_per_s": most,
            "cpu_pct_at_640_per_s": cpu_pct,
        },
        "peers": {},
    }


def _cards(folder: Path, count: int) -> list[float]:
    """Milliseconds from card to committed `door.granted`, one by one."""
    broker = EmbeddedBroker(port=free_port())
    users = accounts(folder, broker, lambda: secrets.token_urlsafe(24))
    server = EmbeddedServer(broker, folder, users, Backoff(random.random))
    server.start()
    key, stop = secrets.token_bytes(16), threading.Event()
    reader = SimulatedReader(key)
    granted: list[float] = []
    ingest = threading.Thread(target=_ingest, args=(folder, broker.port, users["aggregator"], granted, stop))
    ingest.start()
    box = _box(folder, broker.port, users["box"], reader.path, key)
    box.start()
    latencies = []
    try:
        for number in range(count):
            time.sleep(0.15 + 0.1 * random.random() + (3.0 if number == 0 else 0.0))
            began, before = time.perf_counter(), len(granted)
            reader.card(CARD)
            while len(granted) == before:
                if time.perf_counter() - began > 30:
                    raise RuntimeError(f"card {number} led to no door.granted within 30 s")
                time.sleep(0.001)
            latencies.append((granted[-1] - began) * 1000)
    finally:
        box.close()
        stop.set()
        ingest.join()
        reader.close()
        server.stop()
    return latencies


def _box(folder: Path, port: int, account: BrokerCredentials, device: str, key: bytes) -> Box:
    """A real box with one door and no cameras."""
    (folder / "reader.key").write_text(key.hex())
    (folder / "broker.password").write_text(account.password.reveal())
    (folder / "box").mkdir()
    Allowlist(folder / "allowed").add([Secret(CARD.hex())], duress=False, random=os.urandom)
    told = loader.loads(
        f"site: village\nbox: gate-1\ncameras: []\ndata: box\nstatus_port: 0\n"
        f"broker: {{port: {port}, username: {account.username}, password_file: broker.password}}\n"
        f"doors: [{{id: lobby, control: {{kind: osdp, port: {device}, address: 101, key_file: reader.key,"
        f" allowed_file: allowed}}}}]\n",
        BoxSettings,
    )
    nothing = _Blind()
    return Box(told, folder, Models(objects=nothing, faces=nothing, plates=nothing))


class _Blind:
    """A detector for a box without cameras."""

    def detect(self, picture: Picture) -> Detections:  # noqa: ARG002
        """Nothing."""
        return Detections.none()

    def detect_at(self, picture: Picture, size: tuple[int, int]) -> Detections:  # noqa: ARG002
        """Nothing."""
        return Detections.none()


def _ingest(folder: Path, port: int, account: BrokerCredentials, granted: list[float], stop: threading.Event) -> None:
    """The aggregator's ingest; notes when it has committed each `door.granted`."""
    clock = SystemClock()
    (folder / "store").mkdir()
    writer = STORES["sqlite"](folder / "store").writer()
    ledger = BatchProcessor(writer, clock, lambda: uuid7(clock.wall_ns(), secrets.token_bytes(10)))

    class Watched(MqttClient):
        """Notes when a message is acknowledged."""

        def acknowledge(self, messages: Sequence[Any]) -> None:
            now = time.perf_counter()
            events = [decode(bytes(it.payload)) for it in messages if it.topic.endswith("/events")]
            granted.extend(now for event in events if event.kind == "door.granted")
            super().acknowledge(messages)

    target = BrokerEndpoint("127.0.0.1", port, "bench", account.username, account.password)
    EventConsumer(
        connection=BrokerConnection(lambda: Watched.open(target), Backoff(random.random)), processor=ledger,
        queue=WriteQueue(writer), clock=clock, monitor=IngestMonitor(Health(clock), Metrics(), ChangeFeed()),
    ).run(stop)  # fmt: skip
    writer.close()


def _messages(folder: Path, seconds: float) -> tuple[float, float]:
    """Messages a second at most, and per cent of a core at 640 a second."""
    core = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(core)})
    try:
        (folder / "most").mkdir()
        (folder / "paced").mkdir()
        most, _ = _feed(folder / "most", seconds, None)
        _, cpu_pct = _feed(folder / "paced", seconds, DOORS * EACH_PER_S)
    finally:
        os.sched_setaffinity(0, core)
    return most, cpu_pct


def _feed(folder: Path, seconds: float, per_s: int | None) -> tuple[float, float]:
    """Messages a second that were judged and stored, and the CPU they took (per cent of a core)."""
    clock = SystemClock()
    outbox = Outbox(folder / "o.db", EventIdentity("site", "box", os.urandom), clock, 10**9)
    told = [DoorSettings(id=f"door-{n}", control=SimulatedDoor(port=free_port()), debounce_s=0.0) for n in range(DOORS)]
    doors = Doors(
        told, BoxContext(folder), CredentialPolicy(DailyPseudonyms(folder, clock, os.urandom), None),
        clock=clock, send=outbox.put, random=random.random,
    )  # fmt: skip
    stop = threading.Thread(target=doors.event_loop.run)
    stop.start()
    words: tuple[DoorSignal, ...] = (
        CredentialPresented("granted", Secret("1001")),
        DoorContact(open=True),
        DoorContact(open=False),
        CredentialPresented("denied"),
    )
    done, last = 0, threading.Event()
    began, cpu = time.monotonic(), cpu_s()
    while (now := time.monotonic()) - began < seconds:
        if per_s is not None and done >= (now - began) * per_s:
            time.sleep(0.005)
            continue
        doors.event_loop.submit(told[done % DOORS].id, words[done // DOORS % len(words)])
        done += 1
    doors.event_loop.submit(told[0].id, CredentialPresented("denied"), None, last.set)
    last.wait()
    took_s, spent_s = time.monotonic() - began, cpu_s() - cpu
    doors.stop_event_loop()
    stop.join()
    outbox.close()
    return done / took_s, 100 * spent_s / took_s
