"""The audit log."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from aggregator.domain.audit.audit_anomalies import AnomalyKind
from aggregator.domain.audit.audit_entry import Action
from aggregator.web.api_models.base import ResponseModel, Time, example

_ENTRY = {
    "number": 1187, "time": "2026-11-23T08:00:00.000000000Z", "who": "wang", "what": "view", "site": "village",
    "target": "01890000-0000-7000-8000-000000000000", "case": "", "reason": "", "detail": {},
}  # fmt: skip
_FINDING = {
    "sign": "bulk", "who": "wang", "about": "", "count": 140, "from": "2026-11-23T08:00:00.000000000Z",
    "to": "2026-11-23T08:50:00.000000000Z",
}  # fmt: skip


class AuditLogResponse(ResponseModel):
    """How long the audit log is, and the public key of its checkpoints."""

    model_config = example(entries=1200, covered=1187, key="d7" * 32)

    entries: int = Field(ge=0)
    covered: int = Field(description="Entries that a signed checkpoint covers.", ge=0)
    key: str = Field(description="Ed25519 public key, hexadecimal.", pattern=r"^[0-9a-f]{64}$")


class AuditEntryResponse(ResponseModel):
    """An entry of the audit log. It names places and entries by id, never a plate, a card or a person who was seen."""

    model_config = example(_ENTRY)

    number: int = Field(description="In the whole log.", ge=1)
    time: Time
    who: str = Field(description="A user, or `system`.")
    what: Action
    site: str = Field(description="Empty: of no site.")
    target: str = Field(description="What it was about: an id, or `box/place`.")
    case: str
    reason: str
    detail: dict[str, str]


class AuditEntriesResponse(ResponseModel):
    """A page of entries, newest first. A page may be short, or empty, where the filters fit few entries."""

    model_config = example(entries=[_ENTRY], next=1100)

    entries: list[AuditEntryResponse]
    next: int | None = Field(description="The parameter `cursor` of the next page; null: there is nothing more.")


class FindingResponse(ResponseModel):
    """Something unusual in the log; it is not necessarily wrong."""

    model_config = example(_FINDING)

    sign: AnomalyKind
    who: str
    about: str = Field(description="A release, or the other person; empty where there is none.")
    count: int
    begin: Time = Field(serialization_alias="from")
    to: Time


class FindingsResponse(ResponseModel):
    """What stands out in the last seven days, newest first."""

    model_config = example(findings=[_FINDING], days=7)

    findings: list[FindingResponse]
    days: Literal[7] = 7
