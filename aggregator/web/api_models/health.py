"""Health of the aggregator."""

from __future__ import annotations

from pydantic import Field

from aggregator.web.api_models.base import ResponseModel, example


class HealthResponse(ResponseModel):
    """Whether each part works."""

    model_config = example(ok=True, broker=True, store=True, ingest=True, problem="")

    ok: bool = Field(description="All of them.")
    broker: bool
    store: bool
    ingest: bool
    problem: str = Field(description="What is wrong; empty when nothing is.")
