"""`audit`: how fast acts go onto the record, and how fast an exported record is verified.

Many people look at once: each waits until its own act is on the disk before it goes on to the next, as a request does.
They reach the writer's thread as they do in the aggregator, through scribe and queue; who waits shares a commit.
"""

from __future__ import annotations

import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aggregator.audit import export
from aggregator.audit.audit_log_writer import AuditLogWriter
from aggregator.domain.audit import audit_entry, merkle_tree
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.audit.merkle_tree import CompactRange, leaf_hash
from aggregator.storage import STORES
from aggregator.storage.write_queue import WriteQueue
from benchmarks.machine import median
from common.running.readiness import wait_readable
from protocol.signing import checkpoints

PEOPLE = 64
"""Looking at the same time."""


def run(quick: bool) -> dict[str, Any]:
    """Rounds of writing; one verification."""
    rates = [_written(2_000 if quick else 20_000) for _ in range(3 if quick else 5)]
    size = 100_000 if quick else 1_000_000
    seconds = median([_verified(size) for _ in range(1 if quick else 3)])
    return {
        "commands": ["python -m benchmarks audit" + (" --quick" if quick else "")],
        "figures": {
            "acts_per_s": round(median(rates)),
            "verify_million_s": round(seconds * 1_000_000 / size, 2),
            "people": PEOPLE,
            "verified_entries": size,
        },
        "peers": {},
    }


def _act(number: int) -> AuditEntry:
    return AuditEntry(
        time_ns=1_795_000_000_000_000_000 + number, who="li", what="view", site="village",
        target=f"01a0e4d9-5c00-7000-8000-{number:012d}", case="A-2026-117",
    )  # fmt: skip


def _written(count: int) -> float:
    with tempfile.TemporaryDirectory() as name:
        writer = STORES["sqlite"](Path(name)).writer()
        queue = WriteQueue(writer)
        scribe, stop = AuditLogWriter(queue), threading.Event()

        def write() -> None:
            while not stop.is_set():
                wait_readable(0.5, queue)
                queue.serve()

        def look(person: int) -> None:
            for number in range(person, count, PEOPLE):
                scribe.put(_act(number)).result(30)

        thread = threading.Thread(target=write)
        thread.start()
        began = time.perf_counter()
        with ThreadPoolExecutor(PEOPLE) as people:
            list(people.map(look, range(PEOPLE)))
        seconds = time.perf_counter() - began
        stop.set()
        queue.wake()
        thread.join()
        written = STORES["sqlite"](Path(name)).reader().audit_log_size()
        writer.close()
    if written != count:
        raise RuntimeError(f"{written} of {count} acts are on the record")
    return count / seconds


def _verified(size: int) -> float:
    key = Ed25519PrivateKey.generate()
    with tempfile.TemporaryDirectory() as name:
        path, frontier = Path(name) / "record.jsonl", CompactRange()
        entries = [audit_entry.encode(_act(number)) for number in range(1, size + 1)]
        for entry in entries:
            frontier.add(leaf_hash(entry))
        mark = checkpoints.make(size, frontier.root, 0, key)
        with path.open("wb") as out:
            out.writelines(
                export.write(
                    ((number, entry, b"") for number, entry in enumerate(entries, 1)), [mark], key.public_key()
                )
            )
        del entries
        began = time.perf_counter()
        with path.open("rb") as lines:
            found = export.verify(lines, key.public_key().public_bytes_raw().hex())
        seconds = time.perf_counter() - began
    if found.entries != size or found.root != frontier.root.hex() or frontier.root == merkle_tree.EMPTY:
        raise RuntimeError("the verification has not seen what was written")
    return seconds
