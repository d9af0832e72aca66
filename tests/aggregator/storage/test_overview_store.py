"""What every store says for the overview equals a recomputation from the raw log."""

from __future__ import annotations

import random
from collections import Counter

from aggregator.domain.quality.overview import PERIODS
from aggregator.domain.read_models import AlertQuery
from aggregator.domain.store_port import Reader, Store
from aggregator.ingest.batch_processor import BatchProcessor
from common.clock import HOUR_NS, FakeClock

from storage.test_statistics_store import play  # isort: skip

ANSWERS = ("acknowledged", "assigned", "closed")


def test_the_overview_equals_a_recomputation_from_the_raw_log(
    processor: BatchProcessor, store: Store, clock: FakeClock
) -> None:
    play(processor, store, clock, random.Random(5))
    reader = store.reader()
    seen = set()
    for _ in range(4):
        seen |= _compare(reader, clock.wall_ns())
        clock.advance(2 * 86_400)
    assert seen >= {(1, 0), (1, 1), (2, 0), (2, 1)}


def _compare(reader: Reader, now_ns: int) -> set[tuple[int, int]]:
    """Compare; which periods had alerts: their numbers, and whether it was the one before."""
    opened: Counter[tuple[str, str, str, int, int]] = Counter()
    hours: Counter[tuple[str, str, int]] = Counter()
    answers, states = [], Counter[tuple[str, str, str, str]]()
    for it in reader.alerts(AlertQuery(limit=10_000)):
        if it.status == "open" and not it.suppression:
            states[it.site, it.place, it.severity, it.acknowledgement] += 1
        log = reader.history(it.id, 10_000)
        if any(entry.action == "suppressed" and entry.time_ns <= it.opened_ns for entry in log):
            continue
        age = now_ns - it.opened_ns
        for number, length in enumerate(PERIODS.values()):
            if age < 2 * length:
                opened[it.site, it.place, it.severity, number, age // length] += 1
        if age < 24 * HOUR_NS:
            hours[it.site, it.place, age // HOUR_NS] += 1
        done = [entry.time_ns for entry in log if entry.action in ANSWERS and entry.via != "system"]
        if done and age < PERIODS["week"]:
            answers.append((it.site, it.place, it.severity, min(done) - it.opened_ns))
    recent = reader.recent_alerts(now_ns)
    found = {
        (row.site, row.place, row.severity, number // 2, number % 2): count
        for row in recent.opened
        for number, count in enumerate(row.counts)
        if count
    }
    assert found == opened
    assert {row[:3]: row.alerts for row in recent.hours} == hours
    assert sorted(recent.answers) == sorted(answers)
    assert reader.open_states() == states
    assert states
    return {key[3:] for key in opened}
