"""The feed, as consumers read it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from aggregator.web.api_models.base import ResponseModel, Time, example

CURSOR = r"^(0|[1-9][0-9]{0,17})$"
"""A position in the feed: it fits 63 bits."""
_EVENT = {
    "specversion": "1.0", "id": "01890000-0000-7000-8000-000000000000", "source": "/village/gate-1/hall",
    "type": "paifang.door.forced.v1", "time": "2026-11-23T08:00:00.000000000Z", "datacontenttype": "application/json",
    "data": {"door": "hall", "severity": "critical"}, "sequence": "4711",
}  # fmt: skip


class CloudEventModel(ResponseModel):
    """A CloudEvents 1.0 object: an event of a box, or the change of an alert."""

    model_config = example(_EVENT)

    specversion: Literal["1.0"]
    id: str = Field(description="With `source` unique: the same one is never another event.")
    source: str = Field(description="`/site/box/place`.")
    type: str = Field(description="`paifang.KIND.v1`; of a changed alert `paifang.alert.changed.v1`.")
    time: Time
    datacontenttype: Literal["application/json"]
    data: dict[str, Any]
    sequence: str = Field(description="Its place in the feed.")
    subject: str | None = Field(None, description="Of a changed alert: its id.")
    picture: str | None = Field(None, description="Address of its redacted picture, where there is one.")
    clip: str | None = Field(None, description="Of a changed alert: address of its redacted clip, once that is made.")


class FeedResponse(ResponseModel):
    """A part of the feed."""

    model_config = example(events=[_EVENT], next="4711", end=True)

    events: list[CloudEventModel]
    next: str = Field(description="The cursor to go on after; send it as `after`.")
    end: bool = Field(description="Whether there is nothing more at present.")


class FeedCursorResponse(ResponseModel):
    """What follows the cursor is not kept any more."""

    model_config = example(error="after: what follows this cursor is not kept any more", oldest="4000")

    error: str
    oldest: str = Field(description="The oldest cursor that can be read from; what lies before is lost for this feed.")
