"""The HTTP API of the audit log: all of it as a file that anybody can verify, and its public key."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import StreamingResponse

from aggregator.audit import export, query
from aggregator.audit.audit_log_writer import AuditLogWriter
from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.audit.audit_entry import Action, AuditEntry
from aggregator.domain.store_port.audit import AuditReader
from aggregator.web.api.dependencies import Tags, Who, content, errors
from aggregator.web.api_models.audit import (
    AuditEntriesResponse,
    AuditEntryResponse,
    AuditLogResponse,
    FindingResponse,
    FindingsResponse,
)
from aggregator.web.api_models.base import PRINTABLE, TimeText
from common.clock import Clock
from protocol.identifiers import from_rfc3339, to_rfc3339

_TAGS: Tags = ["audit log"]
PAGE = 1_000
_Text = Annotated[str, Query(max_length=64, pattern=PRINTABLE)]


def add(app: FastAPI, reader: AuditReader, audit_log: AuditLogWriter, public: Ed25519PublicKey, clock: Clock) -> None:
    """Add the routes; `public` checks the checkpoints' signatures."""
    _add_files(app, reader, audit_log, public, clock)
    _add_entries(app, reader, audit_log, clock)


def _add_entries(app: FastAPI, reader: AuditReader, audit_log: AuditLogWriter, clock: Clock) -> None:
    async def log(caller: Principal, asked: dict[str, str]) -> None:
        entry = AuditEntry(time_ns=clock.wall_ns(), who=caller.name, what="view", target="record", detail=asked)
        await audit_log.record(entry)

    @app.get("/api/record/entries", tags=_TAGS)
    async def list_audit_entries(
        caller: Who,
        *,
        who: _Text = "",
        what: Action | None = None,
        site: _Text = "",
        case: _Text = "",
        from_: Annotated[TimeText | None, Query(alias="from")] = None,
        until: TimeText | None = None,
        cursor: Annotated[int | None, Query(description="`next` of the page before.", ge=1, lt=2**62)] = None,
    ) -> AuditEntriesResponse:
        """Entries of the audit log that fit, newest first, 100 on a page; the access is in the log too.

        `who` and `case` may be a beginning; the others compare exactly.
        """
        times = [None if it is None else from_rfc3339(it) for it in (from_, until)]
        wanted = query.AuditFilter(who, what or "", site, case, *times)
        await log(caller, {name: str(value) for name, value in asdict(wanted).items() if value})
        found, after = await asyncio.to_thread(query.page, reader, wanted, cursor)
        return AuditEntriesResponse(entries=[_entry(*it) for it in found], next=after)

    @app.get("/api/record/findings", tags=_TAGS)
    async def list_findings(caller: Who) -> FindingsResponse:
        """What stands out in the audit log of the last seven days; the access is in the log too."""
        await log(caller, {"findings": "yes"})
        found = await asyncio.to_thread(query.recent_anomalies, reader, clock.wall_ns())
        return FindingsResponse(
            findings=[
                FindingResponse(
                    sign=it.sign, who=it.who, about=it.about, count=it.count, begin=to_rfc3339(it.from_ns),
                    to=to_rfc3339(it.to_ns),
                )
                for it in found
            ]
        )  # fmt: skip


def _entry(number: int, it: AuditEntry) -> AuditEntryResponse:
    return AuditEntryResponse(
        number=number, time=to_rfc3339(it.time_ns), who=it.who, what=it.what, site=it.site, target=it.target,
        case=it.case, reason=it.reason, detail=it.detail,
    )  # fmt: skip


def _add_files(
    app: FastAPI, reader: AuditReader, audit_log: AuditLogWriter, public: Ed25519PublicKey, clock: Clock
) -> None:
    @app.get("/api/record", tags=_TAGS)
    def show_audit_log() -> AuditLogResponse:
        """How long the audit log is, and the public key of its checkpoints."""
        marks = reader.checkpoints()
        return AuditLogResponse(
            entries=reader.audit_log_size(),
            covered=marks[-1].size if marks else 0,
            key=public.public_bytes_raw().hex(),
        )

    @app.get(
        "/api/record.jsonl", tags=_TAGS, response_class=StreamingResponse,
        responses=content("application/x-ndjson", "One JSON object a line, as `paifang audit verify` reads it."),
    )  # fmt: skip
    async def export_audit_log(caller: Who) -> StreamingResponse:
        """The audit log as a file, as far as checkpoints cover it."""
        entry = AuditEntry(time_ns=clock.wall_ns(), who=caller.name, what="export", target="record")
        await audit_log.record(entry)
        marks = await asyncio.to_thread(reader.checkpoints)
        entries = _entries(reader, marks[-1].size if marks else 0)
        return StreamingResponse(export.write(entries, marks, public), media_type="application/x-ndjson")

    @app.get(
        "/api/record/dossier.jsonl", tags=_TAGS, response_class=StreamingResponse,
        responses=content("application/x-ndjson", "One entry a line, with its number in the whole log.") | errors(404),
    )  # fmt: skip
    async def export_dossier(
        caller: Who, case: Annotated[str, Query(min_length=1, max_length=64, pattern=PRINTABLE)]
    ) -> StreamingResponse:
        """Everything that was done under a case, oldest first; the numbers are those of the whole log's export."""
        found = await asyncio.to_thread(query.dossier, reader, case)
        if not found:
            raise HTTPException(404, "the audit log names no such case")
        entry = AuditEntry(time_ns=clock.wall_ns(), who=caller.name, what="export", target="record", case=case)
        await audit_log.record(entry)
        return StreamingResponse(export.write_dossier(case, found), media_type="application/x-ndjson")


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
