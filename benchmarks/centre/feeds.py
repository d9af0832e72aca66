"""`feeds`: a webhook that was down for an hour, cut streams, MQTT, and kill -9 of the aggregator while it delivers.

The entries are written by the store's own path, as 200 events a second would in an hour. The receiver refuses at first;
then it takes everything. Memory is that of the aggregator's process, its peak while it delivers less what it has while
the receiver is down. After each kill the same messages are sent again when their lease is over, so that the kills take
up to 45 s each.
"""

from __future__ import annotations

import contextlib
import json
import random
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import psutil
from mqtt_kit import feed_client

from aggregator.auth.passwords import hash_token
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.feeds.consumer import Consumer, Selection
from aggregator.domain.feeds.mqtt_output import MqttOutput
from aggregator.domain.feeds.webhook import Webhook
from aggregator.domain.read_models import Batch, ReceivedEvent
from aggregator.domain.store_port import Writer
from aggregator.notifications.webhook_signature import SigningSecret
from aggregator.services.feeds.mqtt_service import PASSWORD
from aggregator.services.feeds.webhook_sender import SEALED
from aggregator.storage import STORES
from aggregator.storage.keyring import KeyRing
from benchmarks.machine import free_port
from common.clock import DAY_NS
from protocol.envelope import Event
from protocol.event_types import ZoneEntered
from protocol.identifiers import uuid7

SIZES = {True: (20_000, 50, 1, 10_000), False: (720_000, 1_000, 10, 100_000)}
"""Quick or not → entries, cuts of a stream, kills, entries for each of the kills' and MQTT's parts."""
BATCH, SOURCES, DOWN_S, TIMEOUT_S = 500, 16, 20.0, 3600.0
_TOKEN = "pfc_" + "x" * 43


class Received:
    """What came, judged by id, place in the feed and source.

    Attributes:
        ids: Without repetitions.
        repeated: Events that came again under the same id.
        disordered: Events that came for the first time after a later one of their source.
    """

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.repeated = self.disordered = 0
        self.first_s = self.last_s = 0.0
        self.newest: dict[str, int] = {}

    def take(self, events: list[dict[str, Any]]) -> None:
        """Count events in the order of their arrival."""
        self.last_s = time.monotonic()
        self.first_s = self.first_s or self.last_s
        for it in events:
            if it["id"] in self.ids:
                self.repeated += 1
                continue
            self.ids.add(it["id"])
            place = int(it["sequence"])
            self.disordered += place < self.newest.get(it["source"], 0)
            self.newest[it["source"]] = place

    @property
    def rate(self) -> float:
        """Events a second, from the first one to the last."""
        return len(self.ids) / max(self.last_s - self.first_s, 1e-9)


@contextlib.contextmanager
def _receiver(down: threading.Event) -> Iterator[tuple[int, Received]]:
    got = Received()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not down.is_set():
                got.take(json.loads(body))
            self.send_response(503 if down.is_set() else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        """Says nothing where a killed aggregator's connection is reset."""

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Quiet."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, got
    finally:
        server.shutdown()
        server.server_close()


class Centre:
    """A folder with a store, and an aggregator that runs on it in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.http, self.mqtt = folder, free_port(), free_port()
        self.settings = folder / "aggregator.yaml"
        settings = {
            "data": "data", "http": {"port": self.http}, "broker": {"kind": "embedded", "port": self.mqtt},
            "feeds": {"networks": ["127.0.0.0/8"]},
        }  # fmt: skip
        self.settings.write_text(json.dumps(settings))
        (folder / "data").mkdir()
        self.keys = KeyRing(folder / "data", secrets.token_bytes)
        self.now_ns = time.time_ns()

    @contextlib.contextmanager
    def writer(self) -> Iterator[Writer]:
        """The store, while no aggregator runs."""
        store = STORES["sqlite"](self.folder / "data")
        writer = store.writer()
        try:
            yield writer
        finally:
            writer.close()
            store.close()

    def newest(self) -> int:
        """The end of the feed."""
        store = STORES["sqlite"](self.folder / "data")
        try:
            return store.reader().feed_span().newest
        finally:
            store.close()

    def consumer(self, writer: Writer, number: int, token: str | None = None) -> str:
        """Add an approved consumer; its id."""
        made = Consumer(
            id=uuid7(self.now_ns, number.to_bytes(10, "big")), name=f"consumer {number}", contact="-", purpose="-",
            basis="-", selection=Selection(places=("*",)), requests_per_minute=6_000, events_per_hour=1_000_000,
            ends_ns=self.now_ns + DAY_NS, state="active", created_by="li", created_ns=0, decided_by="zhao",
            decided_ns=self.now_ns - 1, token_hash=None if token is None else hash_token(token),
        )  # fmt: skip
        assert writer.add_consumer(made, _act())
        return made.id

    def webhook(self, writer: Writer, consumer: str, port: int, position: int) -> None:
        """Add a webhook whose receiver has consented."""
        keys = msgspec.json.encode(SigningSecret.new(secrets.token_bytes)).decode()
        made = Webhook(
            id=f"{consumer}-{port}", consumer=consumer, host="127.0.0.1", mode="batched", state="active",
            address=self.keys.hidden(SEALED, f"http://127.0.0.1:{port}/"), secret=self.keys.hidden(SEALED, keys),
            position=position, sending=position, made_by="li", made_ns=self.now_ns,
        )  # fmt: skip
        assert writer.add_webhook(made, 5, _act())

    def start(self) -> psutil.Popen:
        """Start the aggregator and wait until it listens."""
        command = [sys.executable, "-m", "paifang.cli", "aggregator", "run", str(self.settings)]
        process = psutil.Popen(command, stderr=(self.folder / "log").open("ab"), stdout=subprocess.DEVNULL)
        _wait(lambda: _answers(self.http), process)
        return process


def run(quick: bool) -> dict[str, Any]:
    """Measure; `quick` with fewer entries, cuts and kills."""
    count, cuts, kills, part = SIZES[quick]
    with tempfile.TemporaryDirectory() as name:
        centre, down = Centre(Path(name)), threading.Event()
        down.set()
        with _receiver(down) as (port, got):
            with centre.writer() as writer:
                hooked, subscriber = centre.consumer(writer, 1), centre.consumer(writer, 2)
                centre.consumer(writer, 3, _TOKEN)
                _write(centre, writer, count)
                centre.webhook(writer, hooked, port, 0)
            figures = _drain(centre, got, down, count) | _cuts(centre, cuts) | _mqtt(centre, subscriber, part)
            figures |= _kills(centre, hooked, kills, part)
    return {"commands": ["paifang aggregator run", f"{count} entries of the feed"], "figures": figures, "peers": {}}


def _drain(centre: Centre, got: Received, down: threading.Event, count: int) -> dict[str, Any]:
    """The receiver comes back after having been down."""
    with _running(centre) as process:
        time.sleep(DOWN_S)
        before, peak = process.memory_info().rss, 0
        down.clear()

        def done() -> bool:
            nonlocal peak
            peak = max(peak, process.memory_info().rss)
            return len(got.ids) >= count

        _wait(done, process)
    return {
        "drained_per_s": got.rate, "lost": count - len(got.ids), "repeated": got.repeated,
        "disordered": got.disordered, "memory_mb": (peak - before) / 2**20,
    }  # fmt: skip


def _cuts(centre: Centre, cuts: int) -> dict[str, Any]:
    """A client of the stream whose connection ends after a random number of bytes, and which goes on."""
    chance, newest, cursor, lost, repeated = random.Random(14), centre.newest(), 0, 0, 0
    with _running(centre):
        for _ in range(cuts):
            text, most = "", chance.randrange(200, 60_000)
            headers = {"Authorization": f"Bearer {_TOKEN}", "Last-Event-ID": str(cursor)}
            url = f"http://127.0.0.1:{centre.http}/api/feed/stream"
            with httpx2.stream("GET", url, headers=headers, timeout=60) as answer:
                assert answer.status_code == 200, answer.status_code
                for piece in answer.iter_text():
                    text += piece
                    if len(text) >= most:
                        break
            for message in text.split("\n\n")[:-1]:  # the last one may be cut
                place = int(message.split("\n")[0].removeprefix("id: ")) if message.startswith("id: ") else 0
                if "\ndata: " not in message:
                    continue
                lost, repeated = lost + max(0, place - cursor - 1), repeated + (place <= cursor)
                cursor = max(cursor, place)
            cursor = 0 if cursor >= newest - 500 else cursor  # from the start again, so that a stream never waits
    return {"cuts": cuts, "cut_lost": lost, "cut_repeated": repeated}


def _mqtt(centre: Centre, consumer: str, part: int) -> dict[str, Any]:
    """A consumer at the embedded broker that reads while its feed is published."""
    with centre.writer() as writer:
        start = centre.newest() - part
        made = MqttOutput(
            consumer=consumer, position=start, made_by="li", made_ns=1, next_ns=time.time_ns() + 8 * 10**9
        )
        assert writer.add_mqtt_output(made, 50, _act())
    got = Received()
    account = {"username": consumer, "password": centre.keys.ticket(PASSWORD, f"{consumer}\0{1}")}
    with _running(centre) as process, feed_client(centre.mqtt, account) as client:
        assert client.accepted
        client.client.on_message = lambda _c, _u, it: got.take([json.loads(it.payload)])
        client.subscribe(f"paifang/feed/v1/{consumer}/#")
        _wait(lambda: len(got.ids) >= part, process)
    return {"mqtt_per_s": got.rate, "mqtt_lost": part - len(got.ids), "mqtt_disordered": got.disordered}


def _kills(centre: Centre, consumer: str, kills: int, part: int) -> dict[str, Any]:
    """Kill -9 at random instants while a webhook is delivered to."""
    chance = random.Random(28)
    with _receiver(threading.Event()) as (port, got):
        with centre.writer() as writer:
            centre.webhook(writer, consumer, port, centre.newest() - part)
        for number in range(kills):
            wanted = part * (number + 1) // (kills + 1) + chance.randrange(100)
            process = centre.start()
            _wait(lambda wanted=wanted: len(got.ids) >= wanted, process)  # type: ignore[misc]
            time.sleep(chance.random() * 0.05)
            process.kill()
            process.wait()
        with _running(centre) as process:
            _wait(lambda: len(got.ids) >= part, process)
    return {
        "kills": kills, "kill_lost": part - len(got.ids), "kill_repeated": got.repeated,
        "kill_disordered": got.disordered,
    }  # fmt: skip


def _write(centre: Centre, writer: Writer, count: int) -> None:
    """Events without alerts, as ingest commits them."""
    for first in range(0, count, BATCH):
        events = [_event(it, centre.now_ns + it) for it in range(first, min(first + BATCH, count))]
        writer.apply(Batch(events=[ReceivedEvent(it, None, it.time_ns) for it in events]))


def _event(number: int, time_ns: int) -> Event:
    data = ZoneEntered(
        zone="northern-gate", object="person", track=1, bbox=(101.25, 88.5, 142.75, 201.125), confidence=0.8
    )
    key = uuid7(time_ns + number * 1_000_000, number.to_bytes(10, "big"))
    return Event(key, "village", "box-1", f"camera-{number % SOURCES}", "zone.entered", time_ns, number + 1, data, "be")


@contextlib.contextmanager
def _running(centre: Centre) -> Iterator[psutil.Popen]:
    process = centre.start()
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def _wait(condition: Callable[[], bool], process: psutil.Popen) -> None:
    until_s = time.monotonic() + TIMEOUT_S
    while not condition():
        if process.poll() is not None or time.monotonic() > until_s:
            raise RuntimeError("the aggregator has ended, or takes too long")
        time.sleep(0.02)


def _answers(port: int) -> bool:
    with contextlib.suppress(httpx2.HTTPError):
        return httpx2.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code in (200, 503)
    return False


def _act() -> AuditEntry:
    return AuditEntry(time_ns=time.time_ns(), who="li", what="consumer.changed")
