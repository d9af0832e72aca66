"""The HTTP API of the record: the whole of it as a file that anybody can check, and its public key."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from aggregator.audit import export
from aggregator.domain.audit_entry import AuditEntry
from aggregator.web.services import Services

PAGE = 1_000


def add(app: FastAPI, services: Services) -> None:
    """Add the routes."""

    @app.get("/api/record")
    def about() -> dict[str, object]:
        marks = services.reader.checkpoints()
        return {
            "entries": services.reader.record_size(),
            "covered": marks[-1].size if marks else 0,
            "key": services.book.keys.signing.public_key().public_bytes_raw().hex(),
        }

    @app.get("/api/record.jsonl")
    async def whole(request: Request) -> StreamingResponse:
        act = AuditEntry(time_ns=services.clock.wall_ns(), who=request.state.user, what="export", target="record")
        await services.record(act)
        marks = await asyncio.to_thread(services.reader.checkpoints)
        public = services.book.keys.signing.public_key()
        entries = _entries(services, marks[-1].size if marks else 0)
        return StreamingResponse(export.write(entries, marks, public), media_type="application/x-ndjson")


def _entries(services: Services, size: int) -> Iterator[tuple[int, bytes, bytes]]:
    """What the checkpoints cover, page by page."""
    after = 0
    while after < size:
        page = services.reader.record(after, min(PAGE, size - after))
        if not page:
            return
        leaves = services.reader.leaves(after, len(page))
        yield from ((number, entry, leaf) for (number, entry), leaf in zip(page, leaves, strict=True))
        after = page[-1][0]
