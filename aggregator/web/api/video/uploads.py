"""The HTTP API of resumable uploads from boxes: HEAD gives the offset, PATCH adds at it."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from aggregator.jobs.uploads import MOST_BYTES, UploadReceiver
from common import logging_setup
from common.errors import ContractError
from protocol.signing.upload_tokens import DIGEST, LENGTH, OFFSET, PIECE_BYTES

_log = logging_setup.get("uploads")


def add(app: FastAPI, uploads: UploadReceiver) -> None:
    """Add the routes; their tickets are checked here, not by the middleware."""

    @app.head("/box/uploads/{use}/{job}", include_in_schema=False)
    async def offset(use: str, job: str, request: Request) -> Response:
        if not await uploads.may(request.headers.get("authorization", ""), use, job):
            return Response(status_code=404)
        return Response(headers={OFFSET: str(await run_in_threadpool(uploads.offset, use, job))})

    @app.patch("/box/uploads/{use}/{job}", include_in_schema=False)
    async def piece(use: str, job: str, request: Request) -> Response:
        if not await uploads.may(request.headers.get("authorization", ""), use, job):
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
        received = await run_in_threadpool(uploads.finish, use, job, request.headers.get(DIGEST, ""))
        if received is None:
            return _answer(422, f"{DIGEST}: not the hash of what came; begin anew", 0)
        await uploads.takers[use].take(received)
        await run_in_threadpool(uploads.forget, use, job)
        _log.info("upload is whole", use=use, job=job, bytes=received.bytes)
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
