"""Files that boxes bring, piece by piece: an upload that broke off goes on where it stopped.

After the model of resumable uploads over HTTP (HEAD tells the offset, PATCH adds at it); a ticket is good for one job.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import threading
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from aggregator.crypto.keyring import KeyRing
from aggregator.storage.object_store import ObjectStorage
from common import logging_setup
from common.errors import ContractError, StoreError
from protocol.identifiers import is_uuid7
from protocol.signing.upload_tokens import DIGEST, LENGTH, OFFSET, PIECE_BYTES, SCHEME

_log = logging_setup.get("uploads")
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

    def take(self, brought: ReceivedFile) -> Awaitable[None]:
        """The file is there.

        Raises:
            StoreError: It could not be noted; the box will bring it again.
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

    async def may(self, request: Request, use: str, job: str) -> bool:
        """Whether a request brings the right ticket for a job that is still wanted."""
        scheme, _, ticket = request.headers.get("authorization", "").partition(" ")
        good = is_uuid7(job) and use in self.takers and scheme == SCHEME
        right = hmac.compare_digest(ticket.encode(), self.keys.ticket(use, job).encode())
        return good and right and await run_in_threadpool(self.takers[use].expects, job)

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


def add(app: FastAPI, uploads: UploadReceiver) -> None:
    """Add the routes; their tickets are checked here, not by the guard."""

    @app.head("/box/uploads/{use}/{job}")
    async def offset(use: str, job: str, request: Request) -> Response:
        if not await uploads.may(request, use, job):
            return Response(status_code=404)
        return Response(headers={OFFSET: str(await run_in_threadpool(uploads.offset, use, job))})

    @app.patch("/box/uploads/{use}/{job}")
    async def piece(use: str, job: str, request: Request) -> Response:
        if not await uploads.may(request, use, job):
            return _answer(404, "no such job, it is not wanted any more, or this is not its ticket")
        if not uploads.begin(job):
            return _answer(409, "another piece of this file is being added")
        try:
            return await _take(uploads, use, job, request)
        finally:
            uploads.end(job)


async def _take(uploads: UploadReceiver, use: str, job: str, request: Request) -> Response:
    try:
        begin, length = (_number(request, name) for name in (OFFSET, LENGTH))
        piece = await _piece(request, min(PIECE_BYTES, length - begin))
    except ContractError as error:
        return _answer(400, str(error))
    there = await run_in_threadpool(uploads.add, use, job, begin, piece)
    if there is None:
        at = await run_in_threadpool(uploads.offset, use, job)
        return _answer(409, "the piece begins elsewhere; ask with HEAD", at)
    if there == length:
        brought = await run_in_threadpool(uploads.finish, use, job, request.headers.get(DIGEST, ""))
        if brought is None:
            return _answer(422, f"{DIGEST}: not the hash of what came; begin anew", 0)
        await uploads.takers[use].take(brought)
        await run_in_threadpool(uploads.forget, use, job)
        _log.info("upload is whole", use=use, job=job, bytes=brought.bytes)
    return Response(status_code=204, headers={OFFSET: str(there)})


def _number(request: Request, name: str) -> int:
    text = request.headers.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) <= 16 and int(text) <= MOST_BYTES):
        raise ContractError(f"{name}: a number of bytes, at most {MOST_BYTES}")
    return int(text)


async def _piece(request: Request, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise ContractError(f"a piece has at most {PIECE_BYTES} bytes and ends within the file")
    return bytes(body)


def _answer(status: int, problem: str, offset: int | None = None) -> Response:
    return JSONResponse({"error": problem}, status, {} if offset is None else {OFFSET: str(offset)})
