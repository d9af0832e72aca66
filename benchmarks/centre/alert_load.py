"""The events of the benchmark `alerts`, and the process that it kills."""

from __future__ import annotations

import itertools
import random
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

from aggregator.ingest.batch_processor import BatchProcessor
from aggregator.messaging.mqtt_client import InboundMessage
from aggregator.storage import STORES
from common.clock import SECOND_NS, SystemClock
from protocol.envelope import Event, encode
from protocol.event_types import ZoneEntered
from protocol.identifiers import uuid7
from protocol.topics import BoxTopics

BATCH = 500
BOXES = 16
NEW_EVERY = 20
"""One event of twenty opens an alert: 95 % merge."""
EPOCH = "be"


def event_of(number: int, zone: str, now_ns: int, noise: bytes) -> Event:
    """About 350 bytes on the wire, of one of sixteen boxes."""
    data = ZoneEntered(zone=zone, object="person", track=number, bbox=(101.25, 88.5, 142.75, 201.125), confidence=0.81)
    box, sequence = f"box-{number % BOXES}", number // BOXES + 1
    return Event(
        uuid7(now_ns, noise), "village", box, f"cam-{number % 8}", "zone.entered", now_ns, sequence, data, EPOCH
    )


def messages(count: int, start_ns: int, seed: int = 1) -> Iterator[InboundMessage]:
    """The same events each time: 5 % open alerts, the others merge into one of the newest."""
    dice = random.Random(seed)
    for number in range(count):
        # The zone is one of the newest of this box and camera, so that its alert is there already.
        turn = number // (BOXES * NEW_EVERY)
        zone = f"zone-{max(0, turn - dice.randrange(2))}"
        event = event_of(number, zone, start_ns + number, dice.randbytes(10))
        yield InboundMessage(BoxTopics(event.site, event.box).events, encode(event))


def batches(count: int, start_ns: int) -> Iterator[list[InboundMessage]]:
    """As they come from the broker: up to 500 together."""
    stream = messages(count, start_ns)
    while batch := list(itertools.islice(stream, BATCH)):
        yield batch


def processor_in(folder: Path) -> BatchProcessor:
    """A processor on a SQLite store in a folder."""
    clock = SystemClock()
    writer = STORES["sqlite"](folder).writer()
    return BatchProcessor(writer, clock, lambda: uuid7(clock.wall_ns(), secrets.token_bytes(10)))


def work(folder: Path, count: int, start_ns: int) -> None:
    """Commit all events, from where the receipts end; batches that were not acknowledged come again (in a process)."""
    processor = processor_in(folder)
    settled = {f"box-{it}": processor.receipt(("village", f"box-{it}")) for it in range(BOXES)}
    done = min((0 if it is None else it.ranges[0][1] if it.ranges else 0 for it in settled.values()), default=0)
    redelivered = max(0, done * BOXES // BATCH - 2)
    for batch in itertools.islice(batches(count, start_ns), redelivered, None):
        processor.process(batch)
        print("committed", flush=True)


if __name__ == "__main__":
    work(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else SECOND_NS)
