"""The footage's index: segments, gaps, and files to delete. SQLite, one connection, one lock.

It stands in the box's data folder, not on the footage's disk; so a disk that was swapped shows. What it says can be
rebuilt from the files (`startup_recovery.py`), except the gaps.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from common.clock import SECOND_NS
from common.errors import FootageError
from edge.recorder.retention.keys import path_of as key_path
from edge.recorder.segments.segment import DAY_NS
from edge.recorder.segments.segment import path_of as segment_path

LONGEST_NS = 900 * SECOND_NS
"""No segment is longer; `CameraRecorder` cuts before."""
MIGRATIONS = (
    """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE cameras (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE segments (
  camera INTEGER NOT NULL, start_ns INTEGER NOT NULL, id BLOB NOT NULL, end_ns INTEGER NOT NULL,
  bytes INTEGER NOT NULL, finished INTEGER NOT NULL, PRIMARY KEY (camera, start_ns, id)) STRICT, WITHOUT ROWID;
CREATE INDEX segments_unfinished ON segments (camera) WHERE finished = 0;
CREATE TABLE garbage (number INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE gaps (
  number INTEGER PRIMARY KEY, camera TEXT NOT NULL, from_ns INTEGER NOT NULL, to_ns INTEGER NOT NULL,
  seconds REAL NOT NULL, cause TEXT NOT NULL) STRICT;
CREATE INDEX gaps_by_camera ON gaps (camera, from_ns);
CREATE TABLE erased (
  number INTEGER PRIMARY KEY, camera TEXT NOT NULL, day INTEGER NOT NULL, at_ns INTEGER NOT NULL,
  segments INTEGER NOT NULL, bytes INTEGER NOT NULL, cause TEXT NOT NULL) STRICT;
""",
    """
CREATE TABLE notices (
  number INTEGER PRIMARY KEY AUTOINCREMENT, place TEXT NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL,
  at_ns INTEGER NOT NULL) STRICT;
""",
)
"""Forward only: a new schema adds one entry; `PRAGMA user_version` counts them."""


class Segment(msgspec.Struct, frozen=True):
    """A row.

    Attributes:
        camera: The camera's id.
        id: UUIDv7.
        start_ns: Wall clock at its start, UTC nanoseconds.
        end_ns: Wall clock at the end of the durable footage.
        bytes: Length of the file, as far as it is known to be good.
        finished: Whether the segment is complete.
    """

    camera: str
    id: str
    start_ns: int
    end_ns: int
    bytes: int
    finished: bool

    @property
    def day(self) -> int:
        """UTC day of its start, days since 1970."""
        return self.start_ns // DAY_NS

    @property
    def path(self) -> str:
        """Its file."""
        return segment_path(self.camera, self.day, self.id)


class Gap(msgspec.Struct, frozen=True):
    """A range without footage.

    Attributes:
        camera: The camera's id.
        from_ns: Wall clock of the last footage before it.
        to_ns: Wall clock of the first footage after it.
        seconds: Its duration, by the monotonic clock if available.
        cause: One of `gap_log.CAUSES`.
    """

    camera: str
    from_ns: int
    to_ns: int
    seconds: float
    cause: str


class DayUse(msgspec.Struct, frozen=True):
    """One camera's footage of one UTC day."""

    camera: str
    day: int
    bytes: int
    segments: int
    first_ns: int
    last_ns: int


class Index:
    """The index's database.

    Args:
        path: Of the database; `:memory:` for tests.

    Raises:
        FootageError: It cannot be opened, is damaged, or was written by a newer version.
    """

    def __init__(self, path: Path | str) -> None:
        if isinstance(path, Path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            self._prepare()
        except sqlite3.Error as error:
            raise FootageError(f"{path}: the index cannot be used: {error}") from error
        self._cameras: dict[str, int] = {}
        self._cameras = {name: number for number, name in self._all("SELECT number, name FROM cameras")}

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    def begin(self, row: Segment) -> None:
        """Add a segment whose first fragment is on the medium."""
        self.add([row])

    def add(self, rows: Sequence[Segment]) -> None:
        """Insert rows, replacing those of the same segment: one transaction."""
        with self._write():
            self._db.executemany(
                "INSERT OR REPLACE INTO segments VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (self._number(row.camera), row.start_ns, UUID(row.id).bytes, row.end_ns, row.bytes, row.finished)
                    for row in rows
                ],
            )

    def find(self, camera: str, from_ns: int, to_ns: int) -> list[Segment]:
        """A camera's segments that overlap a range, in order of time; an unfinished one may end later."""
        number = self._cameras.get(camera)
        if number is None:
            return []
        rows = self._all(
            "SELECT id, start_ns, end_ns, bytes, finished FROM segments"
            " WHERE camera = ? AND start_ns < ? AND start_ns > ? AND (end_ns > ? OR finished = 0)"
            " ORDER BY start_ns, id",
            (number, to_ns, from_ns - LONGEST_NS, from_ns),
        )
        return [_segment(camera, row) for row in rows]

    def last(self, camera: str) -> Segment | None:
        """The camera's latest segment by its start."""
        rows = self._all(
            "SELECT id, start_ns, end_ns, bytes, finished FROM segments"
            " WHERE camera = ? ORDER BY start_ns DESC LIMIT 1",
            (self._cameras.get(camera, -1),),
        )
        return _segment(camera, rows[0]) if rows else None

    def cameras(self) -> list[str]:
        """Every camera that ever recorded."""
        return sorted(self._cameras)

    def all_ids(self) -> set[str]:
        """Every segment's id."""
        return {str(UUID(bytes=id_)) for (id_,) in self._all("SELECT id FROM segments")}

    def rows(self, camera: str, day: int) -> list[Segment]:
        """A camera's segments that started on a UTC day."""
        found = self.find(camera, day * DAY_NS, (day + 1) * DAY_NS)
        return [row for row in found if row.day == day]

    def unfinished(self) -> list[Segment]:
        """Unfinished segments."""
        rows = self._all(
            "SELECT name, id, start_ns, end_ns, bytes, finished FROM segments, cameras"
            " WHERE finished = 0 AND camera = number"
        )
        return [_segment(name, row) for name, *row in rows]

    def days(self) -> list[DayUse]:
        """Footage by camera and day."""
        rows = self._all(
            "SELECT name, start_ns / ?1, sum(bytes), count(*), min(start_ns), max(end_ns) FROM segments, cameras"
            " WHERE camera = number GROUP BY 1, 2 ORDER BY 2, 1",
            (DAY_NS,),
        )
        return [DayUse(*row) for row in rows]

    def discard(self, rows: Sequence[Segment], key: tuple[str, int] | None) -> None:
        """Mark rows, and the day's key before them, for deletion; committed on return."""
        with self._write():
            paths = ([key_path(*key)] if key else []) + [row.path for row in rows]
            self._db.executemany("INSERT OR IGNORE INTO garbage (path) VALUES (?)", [(path,) for path in paths])
            self.drop_rows(rows)

    def drop_rows(self, rows: Sequence[Segment]) -> None:
        """Delete rows whose files are missing."""
        with self._write():
            self._db.executemany(
                "DELETE FROM segments WHERE camera = ? AND start_ns = ? AND id = ?",
                [(self._number(row.camera), row.start_ns, UUID(row.id).bytes) for row in rows],
            )

    def files_to_delete(self) -> list[str]:
        """Files to delete, keys before footage."""
        return [path for (path,) in self._all("SELECT path FROM garbage ORDER BY number")]

    def drop_deleted_files(self, paths: Sequence[str]) -> None:
        """Drop files that were deleted durably."""
        with self._write():
            self._db.executemany("DELETE FROM garbage WHERE path = ?", [(path,) for path in paths])

    def note_gap(self, gap: Gap) -> None:
        """Store a gap."""
        with self._write():
            self._db.execute(
                "INSERT INTO gaps (camera, from_ns, to_ns, seconds, cause) VALUES (?, ?, ?, ?, ?)",
                msgspec.structs.astuple(gap),
            )

    def gaps(self, camera: str, from_ns: int, to_ns: int) -> list[Gap]:
        """Gaps that overlap a range."""
        rows = self._all(
            "SELECT camera, from_ns, to_ns, seconds, cause FROM gaps"
            " WHERE camera = ? AND from_ns < ? AND to_ns > ? ORDER BY from_ns, number",
            (camera, to_ns, from_ns),
        )
        return [Gap(*row) for row in rows]

    def note_erased(self, use: DayUse, at_ns: int, cause: str) -> None:
        """What was erased, when and why."""
        with self._write():
            self._db.execute(
                "INSERT INTO erased (camera, day, at_ns, segments, bytes, cause) VALUES (?, ?, ?, ?, ?, ?)",
                (use.camera, use.day, at_ns, use.segments, use.bytes, cause),
            )

    def erased(self) -> list[tuple[str, int, int, int, int, str]]:
        """Camera, day, when, segments, bytes, cause."""
        return self._all("SELECT camera, day, at_ns, segments, bytes, cause FROM erased ORDER BY number")

    def fact(self, key: str) -> str | None:
        """A stored value by name: the disk's id, the trusted time."""
        rows = self._all("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else None

    def set_fact(self, key: str, value: str) -> None:
        """Store a value by name."""
        with self._write():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def add_outbox_entry(self, place: str, kind: str, body: bytes, at_ns: int) -> None:
        """Store an event; see `footage/transactional_outbox.py`."""
        with self._write():
            self._db.execute(
                "INSERT INTO notices (place, kind, body, at_ns) VALUES (?, ?, ?, ?)", (place, kind, body, at_ns)
            )

    def outbox_entries(self) -> list[tuple[int, str, str, bytes, int]]:
        """Number, place, kind, body, time; in order of insertion."""
        return self._all("SELECT number, place, kind, body, at_ns FROM notices ORDER BY number")

    def drop_outbox_entry(self, number: int) -> None:
        """Delete an entry that the outbox has committed."""
        with self._write():
            self._db.execute("DELETE FROM notices WHERE number = ?", (number,))

    def transaction(self) -> AbstractContextManager[None]:
        """All changes inside are committed together, or none."""
        return self._write()

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        (state,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if state != "ok":
            raise sqlite3.DatabaseError(str(state)[:120])
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            raise sqlite3.DatabaseError(f"written by a newer version (schema {version}, known {len(MIGRATIONS)})")
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            self._db.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")

    def _number(self, camera: str) -> int:
        if camera not in self._cameras:
            (number,) = self._db.execute(
                "INSERT INTO cameras (name) VALUES (?) ON CONFLICT DO UPDATE SET name = name RETURNING number",
                (camera,),
            ).fetchone()
            self._cameras[camera] = number
        return self._cameras[camera]

    def _all(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        with self._lock:
            try:
                return self._db.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise FootageError(f"the index cannot be read: {error}") from error

    @contextmanager
    def _write(self) -> Iterator[None]:
        """One transaction; inside another it joins that."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            known = dict(self._cameras)
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                self._cameras = known
                if isinstance(error, sqlite3.Error):
                    raise FootageError(f"the index cannot be written: {error}") from error
                raise


def _segment(camera: str, row: Sequence[Any]) -> Segment:
    id_, start_ns, end_ns, size, finished = row
    return Segment(camera, str(UUID(bytes=id_)), start_ns, end_ns, size, bool(finished))
