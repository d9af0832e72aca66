"""Tickets for live video."""

from __future__ import annotations

from pydantic import Field

from aggregator.web.api_models.base import ResponseModel, Time, example

_BASE = "/api/feed/live/village/gate-1/yard"
_TICKET = "01890000-0000-7000-8000-000000000000.1795000060.5e1f"


class TicketResponse(ResponseModel):
    """Addresses that a player opens without headers."""

    model_config = example(
        expires="2026-11-23T08:01:00.000000000Z",
        hls=f"{_BASE}/index.m3u8?ticket={_TICKET}",
        mp4=f"{_BASE}/stream.mp4?ticket={_TICKET}",
        websocket=f"{_BASE}/stream?ticket={_TICKET}",
    )  # fmt: skip

    expires: Time = Field(description="A stream must begin before; it may then go on.")
    hls: str = Field(description="A playlist (HTTP Live Streaming).")
    mp4: str = Field(description="Fragmented MP4 that does not end.")
    websocket: str = Field(description="The same as messages of a WebSocket.")
