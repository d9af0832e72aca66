"""Boxes, cameras, and the dead-letter queue."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from aggregator.web.api_models.base import PRINTABLE, RequestModel, ResponseModel, Time, example
from common.clock import MILLISECOND_NS

_BOX = {
    "site": "village", "box": "gate-1", "epoch": "ab12", "online": True, "version": "0.1.0",
    "timezone": "Asia/Shanghai", "outbox_waiting": 0, "outbox_bytes": 0, "committed": 812, "lost": 0, "quarantined": 0,
    "gaps": [[17, 19]], "lists": 3, "status": "2026-11-23T08:00:00.000000000Z",
}  # fmt: skip
_CAMERA = {
    "site": "village", "box": "gate-1", "id": "cam-1", "name": "North gate", "state": "up", "fps": 12.5,
    "watch": "all", "seen": "2026-11-23T08:00:00.000000000Z", "since": None, "problem": "", "problem_code": "",
}  # fmt: skip


_PLACE = {
    "kind": "camera", "site": "village", "site_name": "Stone Bridge Village", "areas": ["gates"], "box": "gate-1",
    "id": "cam-1", "name": "North gate", "time_zone": "Asia/Shanghai", "state": "up", "online": True,
    "seen": "2026-11-23T08:00:00.000000000Z", "since": None, "problem": "", "problem_code": "",
}  # fmt: skip


_Milliseconds = Annotated[int, Field(gt=0, lt=2**62 // MILLISECOND_NS, description="Milliseconds since 1970, UTC.")]


class PlaybackRequest(RequestModel):
    """What of a camera's footage is played: the first message of the WebSocket `/api/play/…`."""

    model_config = example(from_ms=1_795_392_000_000, to_ms=1_795_392_060_000, reason="lost dog")

    from_ms: _Milliseconds
    to_ms: _Milliseconds
    reason: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=3, max_length=200, pattern=PRINTABLE),
        Field(description="Why: the case or the purpose."),
    ]


class PlaceResponse(ResponseModel):
    """A camera, a gate or a door."""

    model_config = example(_PLACE)

    kind: Literal["camera", "gate", "door"]
    site: str
    site_name: str = ""
    areas: list[str] = Field(default=[], description="The areas of the site that it belongs to.")
    box: str
    id: str
    name: str
    time_zone: str = Field(default="UTC", description="The site's, an IANA name.")
    state: str = Field(description="As the box last reported; `unknown` while the box is offline; empty for a gate.")
    online: bool = Field(default=False, description="Whether its box is online.")
    seen: Time | None = Field(default=None, description="When the box last reported it; cameras only.")
    since: Time | None = Field(
        default=None, description="Since when there is no picture; while the box is offline, when it was last heard of."
    )
    problem: str = Field(default="", description="Why there is no picture, as the box says.")
    problem_code: str = Field(default="", description="The same as a code; empty: the box sent none.")


class PlacesResponse(ResponseModel):
    """Cameras, gates and doors of the caller's places."""

    model_config = example(places=[_PLACE])

    places: list[PlaceResponse]


class BoxResponse(ResponseModel):
    """A box as the aggregator knows it."""

    model_config = example(_BOX)

    site: str
    box: str
    epoch: str = Field(description="Which outbox; a new one begins when the box loses its disk.")
    online: bool
    version: str
    timezone: str
    outbox_waiting: int = Field(description="Events that the box has not sent yet.")
    outbox_bytes: int
    committed: int = Field(description="Events that were committed.")
    lost: int = Field(description="Events that the box dropped.")
    quarantined: int = Field(description="Messages in the dead-letter queue.")
    gaps: list[tuple[int, int]] = Field(description="Missing sequence numbers, as [first, last].")
    lists: int = Field(description="Version of the site's list that the box has.")
    status: Time


class BoxesResponse(ResponseModel):
    """Boxes of the caller's sites."""

    model_config = example(boxes=[_BOX])

    boxes: list[BoxResponse]


class CameraResponse(ResponseModel):
    """A camera as its box last reported."""

    model_config = example(_CAMERA)

    site: str
    box: str
    id: str
    name: str
    state: str
    fps: float
    watch: str = Field(description="The mode of watching, as in the box's settings.")
    seen: Time
    since: Time | None = Field(default=None, description="Since when there is no picture.")
    problem: str = Field(default="", description="Why there is no picture, as the box says.")
    problem_code: str = Field(default="", description="The same as a code; empty: the box sent none.")


class CamerasResponse(ResponseModel):
    """Cameras of the caller's places."""

    model_config = example(cameras=[_CAMERA])

    cameras: list[CameraResponse]


_MESSAGE = {
    "topic": "paifang/v1/village/gate-1/events", "reason": "$.time: missing", "size": 312, "count": 2,
    "first": "2026-11-23T08:00:00.000000000Z", "last": "2026-11-23T08:00:12.000000000Z", "start": '{"specversion":',
}  # fmt: skip


class QuarantinedResponse(ResponseModel):
    """A message that broke the contract. The same bytes on the same topic are one entry with a count."""

    model_config = example(_MESSAGE)

    topic: str
    reason: str
    size: int = Field(description="Bytes.", ge=0)
    count: int = Field(ge=1)
    first: Time
    last: Time
    start: str = Field(description="Its first 400 bytes as text.", max_length=400)


class QuarantineResponse(ResponseModel):
    """The newest messages of the dead-letter queue."""

    model_config = example(count=1, entries=[_MESSAGE])

    count: int = Field(description="How many messages it holds.", ge=0)
    entries: list[QuarantinedResponse]
