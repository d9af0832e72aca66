"""The HTTP API of consumers, for administrators."""

from __future__ import annotations

from fastapi import FastAPI

from aggregator.domain.feeds.feed_entry import ConsumerUse
from aggregator.services.feeds.consumer_service import ConsumerService, ShownConsumer
from aggregator.services.video_out.gb28181.devices import Gb28181Devices
from aggregator.web.api.dependencies import IdPath, Tags, Who, errors
from aggregator.web.api_models.feeds import consumers as models

TAGS: Tags = ["consumers"]


def add(app: FastAPI, consumers: ConsumerService, devices: Gb28181Devices) -> None:
    """Add the routes."""

    @app.get("/api/consumers", tags=TAGS)
    async def list_consumers(caller: Who) -> models.ConsumersResponse:
        """Consumers whose places all lie within what the caller administers, the newest first."""
        now_ns = consumers.clock.wall_ns()
        found = await consumers.consumers(caller)
        shown = [models.ConsumerResponse.of(it, now_ns, devices.of(it.consumer.name)) for it in found]
        return models.ConsumersResponse(consumers=shown, scopes=await consumers.places(caller))

    @app.post("/api/consumers", status_code=201, tags=TAGS, responses=errors(409))
    async def request_consumer(caller: Who, wanted: models.ConsumerRequest) -> models.ConsumerResponse:
        """Request a consumer; it gets nothing before another administrator has approved it."""
        made = await consumers.request(caller, wanted.consumer())
        shown = ShownConsumer(made, ConsumerUse(), None)
        return models.ConsumerResponse.of(shown, consumers.clock.wall_ns())

    @app.post("/api/consumers/{consumer_id}/decide", tags=TAGS, responses=errors(409))
    async def decide_consumer(
        consumer_id: IdPath, caller: Who, wanted: models.DecisionRequest
    ) -> models.ConsumerStateResponse:
        """Approve, refuse, pause, resume or revoke a consumer; it counts at once."""
        after = await consumers.decide(caller, consumer_id, wanted.action)
        return models.ConsumerStateResponse(id=after.id, state=after.state)

    @app.post("/api/consumers/{consumer_id}/token", status_code=201, tags=TAGS, responses=errors(409))
    async def make_consumer_token(consumer_id: IdPath, caller: Who) -> models.ConsumerTokenResponse:
        """Make a consumer's token, which is shown once; the one before ends at once."""
        made, text = await consumers.make_token(caller, consumer_id)
        return models.ConsumerTokenResponse(id=made.id, token=text)
