"""DESIGN section 1.2: real gate footage through the whole system, and then no byte of a plate's text anywhere.

RTSP → box → broker → aggregator at debug level, with a consumer of everything that leaves. Searched are the data
folders of box, aggregator and broker, logs, temporary files, both metrics pages, everything that a recording subscriber
heard on the wire, and what came to the consumer: its feed, a webhook and its topics at the broker.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
import urllib.request
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from feed_consumer import WAYS, feed_consumer
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from village_kit import Village, wait_until

from edge.access.site_lists.site_list_store import ListStore
from models.files.store import ModelStore
from pipelines.types import Picture
from protocol import site_lists
from protocol.envelope import decode
from protocol.event_types import VehicleBarred, VehicleRegistered
from protocol.signing.trust_anchor import Trust
from protocol.site_lists import ListedVehicle, SiteLists, Standing

CLIP = Path(__file__).resolve().parents[3] / "shared" / "data" / "video_gate_plates"
PATTERN = r"\d{2}[A-Z]\d{5,6}"
DRAWN = "34A36837"
RATE = 12
LANE = {"name": "lane", "grammars": [], "patterns": [PATTERN]}


def spellings(text: str) -> set[bytes]:
    """Every way in which a plate might have been written down."""
    parts = [text, f"{text[:3]}-{text[3:]}", f"{text[:3]} {text[3:]}", f"{text[:3]}·{text[3:]}"]
    parts += [
        f"{text[:3]}-{text[3:6]}.{text[6:]}",
        f"{text[:2]}-{text[2:]}",
        text[:2] + "A" + text[3:],
        "".join(text[::-1]),
    ]
    written = {way for part in parts for way in (part, part.lower())}
    return {way.encode(code) for way in written for code in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le")}


def places_of(texts: list[str], found: dict[str, bytes]) -> list[str]:
    """Where any of the texts stands, in any spelling."""
    wanted = {spelling for text in texts for spelling in spellings(text)}
    return [name for name, data in found.items() if any(spelling in data for spelling in wanted)]


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def scene(step: int, random: np.random.Generator) -> Picture:
    """A grey car with a blue plate, coming from the left; no car before and after."""
    picture = cv2.GaussianBlur(random.integers(60, 160, (720, 1280, 3)).astype(np.uint8), (9, 9), 0)
    if 24 <= step < 72:
        x, y = -200 + 25 * (step - 24), 420
        cv2.rectangle(picture, (x - 180, y - 280), (x + 440, y + 150), (60, 60, 65), -1)
        cv2.rectangle(picture, (x - 90, y - 250), (x + 350, y - 90), (25, 25, 25), -1)
        cv2.rectangle(picture, (x, y), (x + 260, y + 84), (190, 80, 20), -1)
        cv2.rectangle(picture, (x + 3, y + 3), (x + 257, y + 81), (245, 245, 245), 2)
        (wide, high), _ = cv2.getTextSize(DRAWN, cv2.FONT_HERSHEY_SIMPLEX, 1.35, 4)
        place = (x + (260 - wide) // 2, y + (84 + high) // 2)
        cv2.putText(picture, DRAWN, place, cv2.FONT_HERSHEY_SIMPLEX, 1.35, (245, 245, 245), 4, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(picture, (3, 3), 0), np.uint8)


def drawn(path: Path) -> Path:
    """A clip of one passage, made here."""
    random = np.random.default_rng(3)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        stream.options = {"preset": "ultrafast", "g": str(RATE), "bf": "0", "crf": "20"}
        for step in range(96):
            frame = av.VideoFrame.from_ndarray(scene(step, random), format="bgr24")
            frame.pts, frame.time_base = step, Fraction(1, RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def passage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn(tmp_path_factory.mktemp("clips") / "drawn.mp4")


def footage(passage: Path) -> list[tuple[Path, list[str]]]:
    """Clips with the texts of their plates: drawn here, and real ones where they are."""
    clips = [(passage, [DRAWN])]
    if CLIP.is_dir():
        (row,) = [json.loads(line) for line in (CLIP / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
        clips.append((CLIP / row["file"], [plate["plate"] for plate in row["plates"]]))
    return clips


class Subscriber:
    """Hears everything that both accounts of the broker may hear."""

    def __init__(self, port: int, accounts: Path) -> None:
        self.heard: list[bytes] = []
        self._clients = []
        told = json.loads(accounts.read_text())
        for name in ("box", "aggregator"):
            client = Client(CallbackAPIVersion.VERSION2)
            client.username_pw_set(told[name]["username"], told[name]["password"])
            client.on_connect = self._connected
            client.on_message = self._hear
            client.connect("127.0.0.1", port)
            client.loop_start()
            self._clients.append(client)

    def _connected(self, client: Client, *_: Any) -> None:
        for topic in TOPICS:
            client.subscribe(topic, 1)

    def _hear(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self.heard.append(message.topic.encode() + b" " + message.payload)

    def close(self) -> None:
        for client in self._clients:
            client.disconnect()
            client.loop_stop()


_BELOW = "paifang/v1/village/gate-1"
TOPICS = [
    *(f"{_BELOW}/{name}" for name in ("events", "status", "receipts", "config/desired", "config/reported")),
    *(f"{_BELOW}/{name}" for name in ("commands/+", "replies/+")),
]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where every process of the run puts its temporary files."""
    folder = tmp_path / "run" / "temporary"
    folder.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def pages(village: Village) -> dict[str, bytes]:
    addresses = {"box": f"http://127.0.0.1:{village.status}/metrics", "aggregator": f"{village.url}/metrics"}
    found = {}
    for name, address in addresses.items():
        with urllib.request.urlopen(address) as answer:
            found[f"metrics of the {name}"] = answer.read()
    return found


def vehicles(village: Village) -> list[str]:
    return [kind for _, _, kind in village.events() if kind.startswith("vehicle.")]


@pytest.mark.timeout(300)
def test_plates_that_were_read_are_nowhere_afterwards(models: ModelStore, temporary: Path, passage: Path) -> None:
    for name in ("ppocr_rec", "clp_det"):
        models.fetch(name)
    for number, (clip, texts) in enumerate(footage(passage)):
        folder = temporary.parent / f"run-{number}"
        folder.mkdir()
        village = Village(folder, clip, {"gate": LANE})
        try:
            heard, metrics = played(village)
        finally:
            village.close()
        found = files_below(temporary.parent) | metrics | {"the wire": b"\n".join(heard)}
        assert any(name.endswith("box.log") for name in found)
        assert sum(map(len, found.values())) > 20_000
        sure = [event for event in map(decode, events_on(heard)) if event.kind == "vehicle.unlisted"]
        assert [event for event in sure if getattr(event.data, "confidence", 0) >= 0.9], "the gate read no plate"
        assert places_of(texts, found) == []
        planted(texts, found)


def listed(village: Village, standing: Standing) -> None:
    """The box knows the drawn plate: its settings name a trust file, and its list came signed."""
    key = Ed25519PrivateKey.generate()
    trust = Trust("village", key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex(), os.urandom(32).hex())
    trust.write(village.folder / "trust.json")
    path = village.folder / "box.yaml"
    told = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(told | {"trust_file": "trust.json"}))
    vehicles = (ListedVehicle(id="entry-1", plate=DRAWN, standing=standing),)
    grammars = (f"pattern:{PATTERN}",)
    lists_of_site = SiteLists(site="village", version=9, vehicles=vehicles, grammars=grammars)
    data = path.parent / told["data"]
    data.mkdir(exist_ok=True)
    store = ListStore(data, "village", trust)
    store.take(site_lists.pack(lists_of_site, key, trust.sealing, os.urandom))
    assert store.entries == 1


@pytest.mark.timeout(200)
@pytest.mark.parametrize("standing", ["registered", "barred"])
def test_a_plate_on_the_list_leaves_only_its_pseudonym_or_its_entry(
    models: ModelStore, temporary: Path, passage: Path, standing: Standing
) -> None:
    for name in ("ppocr_rec", "clp_det"):
        models.fetch(name)
    folder = temporary.parent / "run"
    folder.mkdir()
    village = Village(folder, passage, {"gate": LANE})
    listed(village, standing)
    try:
        heard, metrics = played(village, f"vehicle.{standing}")
    finally:
        village.close()
    found = files_below(temporary.parent) | metrics | {"the wire": b"\n".join(heard)}
    told = [event.data for event in map(decode, events_on(heard)) if event.kind == f"vehicle.{standing}"]
    assert told
    for data in told:
        if isinstance(data, VehicleRegistered):
            assert (data.opened, len(data.vehicle)) == (True, 32)
            assert places_of(["entry-1"], {"the wire": b"\n".join(heard)}) == []
            assert not any(data.vehicle.encode() in found[way] for way in WAYS), "no pseudonym leaves"
        else:
            assert isinstance(data, VehicleBarred)
            assert (data.opened, data.entry) == (False, "entry-1")
            assert not any(b"entry-1" in found[way] for way in WAYS), "no entry of a list leaves"
    assert places_of([DRAWN], found) == []
    planted([DRAWN], found)


def played(village: Village, kind: str = "vehicle.unlisted") -> tuple[list[bytes], dict[str, bytes]]:
    """Run until the gate has told a vehicle and everything has arrived; what was on the wire, and the metrics."""
    village.start_aggregator()
    subscriber = Subscriber(village.broker, village.folder / "aggregator" / "broker.json")
    try:
        with feed_consumer(village) as consumer:
            village.start_box()
            wait_until(lambda: kind in vehicles(village), 90, "a vehicle at the gate")
            time.sleep(3.0)  # the rest of its passage: nothing may come out late either
            wait_until(lambda: consumer.got(kind), 20, "the vehicle at the consumer")
            metrics = pages(village) | consumer.found()
        assert village.box.stop() == 0
        assert village.aggregator.stop() == 0
    finally:
        subscriber.close()
    with sqlite3.connect(village.database()) as db:
        metrics["the database, as text"] = "\n".join(db.iterdump()).encode()
    return subscriber.heard, metrics


def events_on(heard: list[bytes]) -> Iterator[bytes]:
    for message in heard:
        topic, _, payload = message.partition(b" ")
        if topic.endswith(b"/events"):
            yield payload


def planted(texts: list[str], found: dict[str, bytes]) -> None:
    """The control: the same search finds a text that was put into any one place, in any spelling."""
    somewhere = min(found, key=lambda name: len(found[name]))
    for spelling in spellings(texts[0]):
        assert places_of(texts, {somewhere: found[somewhere] + b"\x00" + spelling + b"\x7f"}) == [somewhere]
