"""Outputs of video of consumers."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from aggregator.domain.feeds.video_output import LiveOutput, OutputState
from aggregator.web.api_models.base import (
    PRINTABLE,
    Id,
    NameText,
    RequestModel,
    ResponseModel,
    Time,
    example,
    optional_time,
)
from protocol.identifiers import to_rfc3339

_ID = "01890000-0000-7000-8000-000000000000"
_OUTPUT: dict[str, Any] = {
    "id": _ID, "site": "village", "box": "gate-1", "camera": "yard", "scheme": "rtmps", "host": "pool.example",
    "state": "active", "sending": "2026-11-23T08:00:00.000000000Z", "tries": 0, "next": None, "problem": "",
    "made_by": "li", "made": "2026-11-23T08:00:00.000000000Z",
}  # fmt: skip


class VideoOutputRequest(RequestModel):
    """Adds a receiver of a camera's live view."""

    model_config = RequestModel.model_config | example(
        site="village", box="gate-1", camera="yard", address="rtmps://pool.example/live/yard"
    )

    site: NameText
    box: NameText
    camera: NameText
    address: Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=PRINTABLE)] = Field(
        description="rtmp://, rtmps://, rtsp:// or rtsps://; it is stored encrypted and not shown again."
    )


class VideoOutputResponse(ResponseModel):
    """A receiver, without its address."""

    model_config = example(_OUTPUT)

    id: Id
    site: str
    box: str
    camera: str
    scheme: str
    host: str
    state: OutputState
    sending: Time | None = Field(description="Since when the receiver takes the video; null: it does not now.")
    tries: int = Field(description="Attempts that failed one after another.")
    next: Time | None = Field(description="When the next attempt is due.")
    problem: str = Field(description="Why the last attempt ended.")
    made_by: str
    made: Time

    @classmethod
    def of(cls, it: LiveOutput) -> VideoOutputResponse:
        """From the service."""
        return cls(
            id=it.id, site=it.site, box=it.box, camera=it.camera, scheme=it.scheme, host=it.host, state=it.state,
            sending=optional_time(it.sending_ns or None), tries=it.tries, next=optional_time(it.next_ns or None),
            problem=it.problem, made_by=it.made_by, made=to_rfc3339(it.made_ns),
        )  # fmt: skip


class OutputCamera(ResponseModel):
    """A camera that the consumer may be sent."""

    model_config = example(site="village", box="gate-1", id="yard", name="Yard")

    site: str
    box: str
    id: str
    name: str


class VideoOutputsResponse(ResponseModel):
    """A consumer's receivers, and the cameras that more may be added for."""

    model_config = example(
        video_outputs=[_OUTPUT], cameras=[{"site": "village", "box": "gate-1", "id": "yard", "name": "Yard"}]
    )

    video_outputs: list[VideoOutputResponse]
    cameras: list[OutputCamera]


class VideoOutputRemovedResponse(ResponseModel):
    """A receiver was removed."""

    model_config = example(removed=_ID)

    removed: Id
