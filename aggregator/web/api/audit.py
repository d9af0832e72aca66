"""The HTTP API of the record: the whole of it as a file that anybody can check, and its public key."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from aggregator.audit import export
from aggregator.audit.audit_log_writer import AuditLogWriter
from aggregator.domain.audit_entry import AuditEntry
from aggregator.domain.store_port.audit import AuditReader
from common.clock import Clock

PAGE = 1_000


def add(app: FastAPI, reader: AuditReader, audit_log: AuditLogWriter, public: Ed25519PublicKey, clock: Clock) -> None:
    """Add the routes; `public` checks the checkpoints' signatures."""

    @app.get("/api/record")
    def about() -> dict[str, object]:
        marks = reader.checkpoints()
        return {
            "entries": reader.audit_log_size(),
            "covered": marks[-1].size if marks else 0,
            "key": public.public_bytes_raw().hex(),
        }

    @app.get("/api/record.jsonl")
    async def whole(request: Request) -> StreamingResponse:
        act = AuditEntry(time_ns=clock.wall_ns(), who=request.state.user, what="export", target="record")
        await audit_log.record(act)
        marks = await asyncio.to_thread(reader.checkpoints)
        entries = _entries(reader, marks[-1].size if marks else 0)
        return StreamingResponse(export.write(entries, marks, public), media_type="application/x-ndjson")


def _entries(reader: AuditReader, size: int) -> Iterator[tuple[int, bytes, bytes]]:
    """What the checkpoints cover, page by page."""
    after = 0
    while after < size:
        page = reader.audit_entries(after, min(PAGE, size - after))
        if not page:
            return
        leaves = reader.audit_leaf_hashes(after, len(page))
        yield from ((number, entry, leaf) for (number, entry), leaf in zip(page, leaves, strict=True))
        after = page[-1][0]
