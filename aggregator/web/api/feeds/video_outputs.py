"""The HTTP API of consumers' video outputs, for administrators."""

from __future__ import annotations

from fastapi import FastAPI

from aggregator.services.stream_relay import StreamKey
from aggregator.services.video_out.output_service import VideoOutputService
from aggregator.web.api.dependencies import IdPath, Tags, Who, errors
from aggregator.web.api_models.feeds import video_outputs as models

TAGS: Tags = ["video out"]


def add(app: FastAPI, outputs: VideoOutputService) -> None:
    """Add the routes."""

    @app.get("/api/consumers/{consumer_id}/video-outputs", tags=TAGS)
    async def list_video_outputs(consumer_id: IdPath, caller: Who) -> models.VideoOutputsResponse:
        """A consumer's video outputs, and the cameras that more may be added for."""
        found, cameras = await outputs.outputs(caller, consumer_id)
        return models.VideoOutputsResponse(
            video_outputs=[models.VideoOutputResponse.of(it) for it in found],
            cameras=[
                models.OutputCamera(site=it.site, box=it.box, id=it.id, name=it.name or it.id) for it in cameras
            ],
        )  # fmt: skip

    @app.post("/api/consumers/{consumer_id}/video-outputs", status_code=201, tags=TAGS, responses=errors(409))
    async def add_video_output(
        consumer_id: IdPath, caller: Who, wanted: models.VideoOutputRequest
    ) -> models.VideoOutputResponse:
        """Send a camera's redacted live view to an address, until the output is paused or removed."""
        key = StreamKey(wanted.site, wanted.box, wanted.camera)
        return models.VideoOutputResponse.of(await outputs.add(caller, consumer_id, key, wanted.address))

    @app.post("/api/video-outputs/{output_id}/pause", tags=TAGS)
    async def pause_video_output(output_id: IdPath, caller: Who) -> models.VideoOutputResponse:
        """Send nothing until the output is resumed."""
        return models.VideoOutputResponse.of(await outputs.switch(caller, output_id, "paused"))

    @app.post("/api/video-outputs/{output_id}/resume", tags=TAGS)
    async def resume_video_output(output_id: IdPath, caller: Who) -> models.VideoOutputResponse:
        """Send again; the receiver is tried at once."""
        return models.VideoOutputResponse.of(await outputs.switch(caller, output_id, "active"))

    @app.delete("/api/video-outputs/{output_id}", tags=TAGS)
    async def remove_video_output(output_id: IdPath, caller: Who) -> models.VideoOutputRemovedResponse:
        """Remove a video output; its stream ends."""
        await outputs.remove(caller, output_id)
        return models.VideoOutputRemovedResponse(removed=output_id)
