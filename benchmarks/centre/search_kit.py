"""Synthetic events for the benchmark `search`: 200 sites of uneven size, 90 days with days and nights, rare and common.

Rows are loaded past the writer, since millions must come quickly: the tables' columns as the writer fills them, in the
order of time, indexes afterwards.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psycopg
from numpy.typing import NDArray
from postgres_kit import Server

from aggregator.domain.store_port import Store
from aggregator.settings.postgres import Postgres
from aggregator.storage import STORES
from aggregator.storage.engines.sqlite import FILE
from common.clock import HOUR_NS, SECOND_NS

SITES, DAYS = 200, 90
START_NS = 1_787_000_000 * SECOND_NS - 1_787_000_000 * SECOND_NS % HOUR_NS
END_NS = START_NS + DAYS * 86_400 * SECOND_NS
ZONES = ("forecourt", "fire-lane", "entrance", "bins", "playground")
CLASSES = {"person": 0.62, "car": 0.22, "motorcycle": 0.09, "bicycle": 0.05, "truck": 0.019, "bus": 0.001}
SEEN = {
    "zone.entered": 0.36, "zone.left": 0.36, "line.crossed": 0.1, "zone.loitering": 0.01, "zone.blocked": 0.003,
    "zone.crowded": 0.001,
}  # fmt: skip
DOOR = {"door.granted": 0.06, "door.closed": 0.06, "door.denied": 0.003, "door.held": 0.002, "door.forced": 0.0001}
GATE = {
    "vehicle.registered": 0.03, "vehicle.visitor": 0.004, "vehicle.unlisted": 0.005, "vehicle.unreadable": 0.001,
    "vehicle.barred": 0.0001,
}  # fmt: skip
CAMERA = {"camera.lost": 0.0008, "camera.back": 0.0008, "camera.covered": 0.0001, "camera.clear": 0.0001}
RHYTHM = (1, 1, 1, 1, 1, 2, 5, 9, 10, 7, 6, 7, 8, 7, 6, 6, 7, 9, 10, 9, 7, 5, 3, 2)
"""Events in each hour of the day, in proportion."""
_INDEXES = {
    "events_by_cell": "(cell, time_ns, id)",
    "events_by_genus": "(genus, time_ns, id, cell)",
}
_EVENT_COLUMNS = (
    "id", "site", "box", "place", "kind", "time_ns", "received_ns", "epoch", "sequence", "alert", "data",
    "cell", "genus",
)  # fmt: skip
Cell = tuple[str, str, str, str, str, str]


@dataclass(frozen=True)
class Events:
    """What happened: the cells, and for each event, in the order of time, its cell's index and when."""

    cells: list[Cell]
    which: NDArray[np.int64]
    time_ns: NDArray[np.int64]

    def genera(self) -> tuple[list[tuple[str, str]], NDArray[np.int64]]:
        """The genera, and the index of each cell's."""
        kinds = [(kind, thing) for _, _, _, kind, thing, _ in self.cells]
        known = sorted(set(kinds))
        index = {it: at for at, it in enumerate(known)}
        return known, np.array([index[it] for it in kinds])

    def cell_rows(self) -> list[tuple[object, ...]]:
        """The table of cells."""
        return [(number, *self.cells[number - 1], *span) for number, *span in self._spans(self.which)]

    def genus_rows(self) -> list[tuple[object, ...]]:
        """The table of genera."""
        known, of_cell = self.genera()
        return [(number, *known[number - 1], *span) for number, *span in self._spans(of_cell[self.which])]

    def _spans(self, which: NDArray[np.int64]) -> Iterator[tuple[int, int, int, int]]:
        """Number from 1, earliest hour, latest hour's end, count; of groups that have events."""
        counts = np.bincount(which)
        used, first = np.unique(which, return_index=True)
        last = len(which) - 1 - np.unique(which[::-1], return_index=True)[1]
        for cell, low, high in zip(
            used.tolist(), self.time_ns[first].tolist(), self.time_ns[last].tolist(), strict=True
        ):
            yield cell + 1, low - low % HOUR_NS, high - high % HOUR_NS + HOUR_NS, int(counts[cell])

    def rows(self) -> Iterator[tuple[str, int, int, int]]:
        """Id, number, time, cell's index."""
        block = 100_000
        number = itertools.count()
        for begin in range(0, len(self.which), block):
            times = self.time_ns[begin : begin + block].tolist()
            for cell, time_ns in zip(self.which[begin : begin + block].tolist(), times, strict=True):
                it, ms = next(number), time_ns // 1_000_000
                yield (
                    f"{ms >> 16:08x}-{ms & 65535:04x}-7{it & 4095:03x}-8{it >> 12 & 4095:03x}-{it:012x}",
                    it,
                    time_ns,
                    cell,
                )


def invent(count: int, seed: int = 7) -> Events:
    """So many events."""
    chance = np.random.default_rng(seed)
    cells, weights = _cells(chance)
    which = chance.choice(len(cells), count, p=weights / weights.sum())
    hours = chance.choice(24, count, p=np.array(RHYTHM) / sum(RHYTHM))
    seconds = chance.integers(0, DAYS, count) * 86_400 + hours * 3_600
    time_ns = np.sort(START_NS + seconds * SECOND_NS + chance.integers(0, HOUR_NS, count))
    return Events(cells, which, time_ns)


def _cells(chance: np.random.Generator) -> tuple[list[Cell], NDArray[np.float64]]:
    cells: list[Cell] = []
    weights: list[float] = []
    for number in range(SITES):
        size = (1 + number) ** -0.7
        site, cameras = f"site-{number:03d}", [f"cam-{it}" for it in range(int(chance.integers(3, 14)))]
        for camera in cameras:
            share = size / len(cameras) * float(chance.lognormal(0, 0.6))
            zones = chance.choice(ZONES, int(chance.integers(1, 4)), replace=False).tolist()
            for zone, kind, thing in itertools.product(zones, SEEN, CLASSES):
                cells.append((site, camera, "box-1", kind, thing, zone))
                weights.append(share * SEEN[kind] * CLASSES[thing] / len(zones))
            cells += [(site, camera, "box-1", kind, "", "") for kind in CAMERA]
            weights += [share * it for it in CAMERA.values()]
        for kinds, name, most in ((DOOR, "door", 5), (GATE, "gate", 3)):
            places = [f"{name}-{it}" for it in range(int(chance.integers(1, most)))]
            for place, kind in itertools.product(places, kinds):
                cells.append((site, place, "box-1", kind, "", ""))
                weights.append(size / len(places) * kinds[kind])
    return cells, np.array(weights)


def _data(cell: Cell) -> str:
    return f'{{"zone":"{cell[5]}","object":"{cell[4]}","track":12,"bbox":[10.0,20.5,110.0,220.5],"confidence":0.81}}'


def load_sqlite(folder: Path, events: Events) -> Store:
    """A store in SQLite with these events."""
    store = STORES["sqlite"](folder)
    store.writer().close()
    db = sqlite3.connect(folder / FILE, isolation_level=None)
    db.execute("PRAGMA synchronous=OFF")
    db.execute("PRAGMA journal_mode=OFF")
    for name in _INDEXES:
        db.execute(f"DROP INDEX {name}")
    db.execute("BEGIN")
    db.executemany("INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", events.cell_rows())
    db.executemany("INSERT INTO genera VALUES (?, ?, ?, ?, ?, ?)", events.genus_rows())
    genera = (events.genera()[1] + 1).tolist()
    told = [((site, box, place, kind), _data(cell)) for cell in events.cells for site, place, box, kind, _, _ in [cell]]
    rows = (
        (key, *told[cell][0], time_ns, time_ns, "ab", number, None, told[cell][1], cell + 1, genera[cell])
        for key, number, time_ns, cell in events.rows()
    )
    db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    db.execute("COMMIT")
    for name, columns in _INDEXES.items():
        db.execute(f"CREATE INDEX {name} ON events {columns}")
    db.execute("PRAGMA journal_mode=WAL")
    db.close()
    return store


def load_postgres(server: Server, place: Postgres, events: Events) -> Store:
    """A store in PostgreSQL with these events."""
    store = STORES["postgres"](Path(), place)
    store.writer().close()
    name = str(psycopg.conninfo.conninfo_to_dict(place.dsn)["dbname"])
    with server.connect(name) as db:
        for index in _INDEXES:
            db.execute(f"DROP INDEX {index}")
        with db.cursor() as cursor:
            for table, rows in (("cells", events.cell_rows()), ("genera", events.genus_rows())):
                with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
            with cursor.copy(f"COPY events ({', '.join(_EVENT_COLUMNS)}) FROM STDIN") as copy:
                for block in _blocks(events):
                    copy.write(block)
        for index, columns in _INDEXES.items():
            db.execute(f"CREATE INDEX {index} ON events {columns}")
        for table in ("events", "cells", "genera"):
            db.execute(f"VACUUM ANALYZE {table}")
    return store


def _blocks(events: Events) -> Iterator[bytes]:
    """The rows as COPY reads them, some thousand at a time."""
    genera = (events.genera()[1] + 1).tolist()
    told = [
        (f"{site}\t{box}\t{place}\t{kind}", f"\\N\t{_data(cell)}\t{number}\t{genera[number - 1]}\n")
        for number, cell in enumerate(events.cells, 1)
        for site, place, box, kind, _, _ in [cell]
    ]
    rows = events.rows()
    while block := list(itertools.islice(rows, 5_000)):
        lines = [
            f"{key}\t{told[cell][0]}\t{time_ns}\t{time_ns}\tab\t{number}\t{told[cell][1]}"
            for key, number, time_ns, cell in block
        ]
        yield "".join(lines).encode()
