"""`search`: how long the first page of a search takes in SQLite and in PostgreSQL, and how that grows with the rows.

The same events stand in both engines, twice: a tenth of them and all. The same questions are asked of all four, in
turns, one at a time, through the reader that the API uses. The mix holds easy and hard ones in equal shares: one
place, one site, many sites, everywhere; an hour to 30 days; common classes and kinds, rare ones, both, and some that
match nothing. Files are in the page cache; the first round is not counted.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import postgres_kit

from aggregator.domain.investigation.search_query import Key, SearchQuery, make
from aggregator.domain.store_port import Store
from benchmarks.centre import search_kit
from benchmarks.centre.search_kit import END_NS, SITES, START_NS
from common.clock import SECOND_NS

ROWS = {True: (30_000, 300_000), False: (1_000_000, 10_000_000)}
EACH = {True: 6, False: 40}
"""Questions of each shape."""
HOUR_NS = 3_600 * SECOND_NS
DAY_NS = 24 * HOUR_NS
Fields = dict[str, object]


def _sites(chance: random.Random, count: int) -> list[str]:
    return [f"site-{it:03d}" for it in chance.sample(range(SITES), count)]


def _places(chance: random.Random, count: int) -> list[str]:
    (site,) = _sites(chance, 1)
    return [f"{site}/cam-{it}" for it in range(count)]


SHAPES: dict[str, tuple[int, Callable[[random.Random], Fields]]] = {
    "site, hour": (HOUR_NS, lambda chance: {"sites": _sites(chance, 1)}),
    "site, 30 days": (30 * DAY_NS, lambda chance: {"sites": _sites(chance, 1)}),
    "site, kind, week": (7 * DAY_NS, lambda chance: {"sites": _sites(chance, 1), "kinds": ["zone.entered"]}),
    "site, rare class, 30 days": (30 * DAY_NS, lambda chance: {"sites": _sites(chance, 1), "objects": ["bus"]}),
    "site, zone, class, week": (
        7 * DAY_NS,
        lambda chance: {"sites": _sites(chance, 1), "zones": ["fire-lane"], "objects": ["truck", "car"]},
    ),
    "place, day": (DAY_NS, lambda chance: {"places": _places(chance, 1)}),
    "place, kind, 30 days": (30 * DAY_NS, lambda chance: {"places": _places(chance, 1), "kinds": ["zone.loitering"]}),
    "area, class, week": (7 * DAY_NS, lambda chance: {"places": _places(chance, 6), "objects": ["person"]}),
    "10 sites, class, 30 days": (30 * DAY_NS, lambda chance: {"sites": _sites(chance, 10), "objects": ["truck"]}),
    "40 sites, rare kind and class, 30 days": (
        30 * DAY_NS,
        lambda chance: {"sites": _sites(chance, 40), "kinds": ["zone.crowded"], "objects": ["bus"]},
    ),
    "everywhere, hour": (HOUR_NS, lambda _: {}),
    "everywhere, rare kind, day": (DAY_NS, lambda _: {"kinds": ["door.forced"]}),
    "everywhere, rare kind, 30 days": (30 * DAY_NS, lambda _: {"kinds": ["camera.covered"]}),
    "everywhere, rare class, 30 days": (30 * DAY_NS, lambda _: {"objects": ["bus"]}),
    "everywhere, class and rare kind, 30 days": (
        30 * DAY_NS,
        lambda _: {"kinds": ["zone.crowded"], "objects": ["person"]},
    ),
    "everywhere, zone and class, week": (7 * DAY_NS, lambda _: {"zones": ["bins"], "objects": ["car"]}),
    "everywhere, nothing there, 30 days": (30 * DAY_NS, lambda _: {"zones": ["no-such-zone"]}),
}
"""Shape of question → its length of time, and the rest of it."""


def run(quick: bool) -> dict[str, Any]:
    """Load, ask, compare."""
    chance = random.Random(11)
    questions = [(shape, _question(chance, *SHAPES[shape])) for _ in range(EACH[quick]) for shape in SHAPES]
    with (
        tempfile.TemporaryDirectory() as name,
        postgres_kit.running("shared_buffers=1GB", "max_wal_size=8GB") as server,
    ):
        small, large = server.new_database(), server.new_database()
        stores: dict[str, Store] = {}
        loads = []
        for size, place, rows in zip(("small", "large"), (small, large), ROWS[quick], strict=True):
            began = time.perf_counter()
            events = search_kit.invent(rows)
            folder = Path(name) / size
            folder.mkdir()
            stores[f"sqlite {size}"] = search_kit.load_sqlite(folder, events)
            stores[f"postgres {size}"] = search_kit.load_postgres(server, place, events)
            seconds = time.perf_counter() - began
            loads.append(f"{rows:,} rows over {SITES} sites and {search_kit.DAYS} days, into both in {seconds:.0f} s")
        times, early = _ask(stores, questions)
        for store in stores.values():
            store.close()
    result = _result(times, early, questions, loads)
    if quick:  # a store of this size answers from memory: its growth says nothing
        del result["figures"]["growth"]
    return result


def _question(chance: random.Random, length_ns: int, fields: Callable[[random.Random], Fields]) -> SearchQuery:
    until_ns = chance.randrange(START_NS + 30 * DAY_NS, END_NS)
    return make({"from_ns": until_ns - length_ns, "until_ns": until_ns, **fields(chance)})


def _ask(
    stores: dict[str, Store], questions: list[tuple[str, SearchQuery]]
) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Milliseconds of each question in each store, and how many first pages ended early there.

    Both engines must have found the same.
    """
    readers = {name: store.reader() for name, store in stores.items()}
    times: dict[str, list[float]] = {name: [] for name in stores}
    early = dict.fromkeys(stores, 0)
    for counted in (False, True):
        for shape, question in questions:
            keys: dict[str, tuple[Key, ...]] = {}
            for name, reader in readers.items():
                began = time.perf_counter()
                page = reader.search(question)
                if counted:
                    times[name].append((time.perf_counter() - began) * 1000)
                    early[name] += page.after is not None and len(page.hits) < question.limit
                keys[name] = tuple((hit.time_ns, hit.id) for hit in page.hits)
            for size in ("small", "large"):
                if keys[f"sqlite {size}"] != keys[f"postgres {size}"]:
                    raise RuntimeError(f"the engines disagree on '{shape}': {question}")
    return times, early


def _result(
    times: dict[str, list[float]], early: dict[str, int], questions: list[tuple[str, SearchQuery]], loads: list[str]
) -> dict[str, Any]:
    p95 = {name: _p95(values) for name, values in times.items()}
    figures: dict[str, float] = {
        "sqlite_p95_ms": p95["sqlite large"],
        "postgres_p95_ms": p95["postgres large"],
        "growth": max(p95[f"{it} large"] / p95[f"{it} small"] for it in ("sqlite", "postgres")),
    }
    for name, values in times.items():
        key = name.replace(" ", "_")
        figures |= {f"{key}_p50_ms": statistics.median(values), f"{key}_max_ms": max(values)}
        figures[f"{key}_early_pct"] = 100 * early[name] / len(questions)
    worst = []
    for shape in SHAPES:
        of_shape = [at for at, (asked, _) in enumerate(questions) if asked == shape]
        told = ", ".join(
            f"{it} {_p95([times[f'{it} large'][at] for at in of_shape]):.1f}" for it in ("sqlite", "postgres")
        )
        worst.append(f"p95 ms of '{shape}': {told}")
    return {
        "commands": [*loads, f"{len(questions)} questions, limit 100, asked of each in turns", *worst],
        "figures": {name: round(value, 2) for name, value in figures.items()},
        "peers": {},
    }


def _p95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]
