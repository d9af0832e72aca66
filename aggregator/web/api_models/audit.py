"""The audit log."""

from __future__ import annotations

from pydantic import Field

from aggregator.web.api_models.base import ResponseModel, example


class AuditLogResponse(ResponseModel):
    """How long the audit log is, and the public key of its checkpoints."""

    model_config = example(entries=1200, covered=1187, key="d7" * 32)

    entries: int = Field(ge=0)
    covered: int = Field(description="Entries that a signed checkpoint covers.", ge=0)
    key: str = Field(description="Ed25519 public key, hexadecimal.", pattern=r"^[0-9a-f]{64}$")
