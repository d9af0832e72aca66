"""Uploads from boxes, in pieces: an interrupted upload is resumed.

Resumable over HTTP: HEAD returns the offset, PATCH appends at it; a ticket is valid for one job.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import os
import threading
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from aggregator.storage.keyring import KeyRing
from aggregator.storage.object_store import ObjectStorage
from common.errors import StoreError
from protocol.identifiers import is_uuid7
from protocol.signing.upload_tokens import SCHEME

MOST_BYTES = 8 * 1024**3


@dataclass(frozen=True)
class ReceivedFile:
    """A file that is whole and whose hash is right.

    Attributes:
        name: Its name among the objects.
        digest: SHA-256, hexadecimal.
    """

    job: str
    name: str
    bytes: int
    digest: str


class UploadHandler(Protocol):
    """What one use of uploads needs."""

    def expects(self, job: str) -> bool:
        """Whether this job's file is still wanted."""

    def take(self, received: ReceivedFile) -> Awaitable[None]:
        """The file is there.

        Raises:
            StoreError: It could not be stored; the box uploads it again.
        """


@dataclass
class UploadReceiver:
    """Takes files in.

    Args:
        folder: For what is not whole yet.
        keys: Check tickets.
        objects: Where whole files go.
        takers: Use → who wants its files.
    """

    folder: Path
    keys: KeyRing
    objects: ObjectStorage
    takers: dict[str, UploadHandler] = field(default_factory=dict)
    _busy: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    async def may(self, authorization: str, use: str, job: str) -> bool:
        """Whether an `Authorization` header has the right ticket for a job that is still wanted."""
        scheme, _, ticket = authorization.partition(" ")
        good = is_uuid7(job) and use in self.takers and scheme == SCHEME
        right = hmac.compare_digest(ticket.encode(), self.keys.ticket(use, job).encode())
        return good and right and await asyncio.to_thread(self.takers[use].expects, job)

    def offset(self, use: str, job: str) -> int:
        """How much of a file is there."""
        with contextlib.suppress(FileNotFoundError):
            return self._part(use, job).stat().st_size
        return 0

    def add(self, use: str, job: str, offset: int, piece: bytes) -> int | None:
        """Add a piece; the new offset, None if it belongs elsewhere.

        Raises:
            StoreError: The disk does not take it.
        """
        if offset != self.offset(use, job):
            return None
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._part(use, job).open("ab") as file:
                file.write(piece)
        except OSError as error:
            raise StoreError(f"upload: {error}") from error
        return offset + len(piece)

    def finish(self, use: str, job: str, digest: str) -> ReceivedFile | None:
        """Check the whole and store it; None: its hash is wrong, and it begins anew.

        Raises:
            StoreError: It cannot be stored now; what is there stays.
        """
        part = self._part(use, job)
        try:
            with part.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
                size = file.seek(0, os.SEEK_END)
            if not hmac.compare_digest(found.encode(), digest.lower().encode()):
                part.unlink()
                return None
            name = f"{use}/{job}"
            self.objects.put(name, part)
        except OSError as error:
            raise StoreError(f"upload: {error}") from error
        return ReceivedFile(job, name, size, found)

    def forget(self, use: str, job: str) -> None:
        """Drop what was begun."""
        self._part(use, job).unlink(missing_ok=True)

    def begin(self, job: str) -> bool:
        """One piece of a job at a time: False where another is being added."""
        with self._lock:
            if job in self._busy:
                return False
            self._busy.add(job)
            return True

    def end(self, job: str) -> None:
        """The piece is added."""
        with self._lock:
            self._busy.discard(job)

    def _part(self, use: str, job: str) -> Path:
        return self.folder / f"{use}-{job}.part"
