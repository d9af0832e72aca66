"""The box's jobs in SQLite: a small file in the data folder. One connection, used under the queue's lock.

Payloads hold tickets that are sealed for the site: what is deleted or replaced is overwritten (`secure_delete`).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec

from common import logging_setup
from common.errors import JobError
from common.jobs.job import Job

_log = logging_setup.get("jobs")
_SCHEMA = """
PRAGMA journal_mode=TRUNCATE;
PRAGMA synchronous=FULL;
PRAGMA secure_delete=ON;
CREATE TABLE IF NOT EXISTS jobs (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body BLOB NOT NULL) STRICT;
"""


class SqliteJobStore:
    """A `common.jobs.queue.JobStore`. The file is opened by `load`, and made anew where it is damaged.

    Args:
        path: Of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None

    def load(self) -> list[Job]:
        """All jobs. Those of a damaged file are lost: the aggregator sends their commands again.

        Raises:
            JobError: The file cannot be opened or made.
        """
        try:
            return self._read()
        except (sqlite3.OperationalError, OSError) as error:
            raise JobError(f"{self._path}: cannot be opened: {error}") from error
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            _log.warning("the file of jobs is damaged and is made anew", path=str(self._path), problem=str(error))
        self.close()
        try:
            for suffix in ("", "-journal"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            return self._read()
        except (sqlite3.Error, OSError) as error:
            raise JobError(f"{self._path}: cannot be made anew: {error}") from error

    def save(self, job: Job) -> None:
        """Add or replace a job.

        Raises:
            JobError: It cannot be written now.
        """
        statement = "INSERT INTO jobs (id, body) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body"
        self._write(statement, job.id, msgspec.json.encode(job))

    def drop(self, job_id: str) -> None:
        """Forget a job.

        Raises:
            JobError: It cannot be written now.
        """
        self._write("DELETE FROM jobs WHERE id = ?", job_id)

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _read(self) -> list[Job]:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._path.chmod(0o600)
        self._db.executescript(_SCHEMA)
        rows = self._db.execute("SELECT body FROM jobs ORDER BY number").fetchall()
        return [msgspec.json.decode(body, type=Job) for (body,) in rows]

    def _write(self, statement: str, *values: object) -> None:
        if self._db is None:
            raise JobError(f"{self._path}: is not open")
        try:
            self._db.execute(statement, values)
        except sqlite3.Error as error:
            raise JobError(f"{self._path}: cannot be written: {error}") from error
