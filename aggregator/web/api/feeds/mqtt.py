"""The HTTP API of consumers' outputs over MQTT, for administrators."""

from __future__ import annotations

from fastapi import FastAPI

from aggregator.services.feeds.mqtt_service import MqttService
from aggregator.web.api.dependencies import IdPath, Tags, Who, errors
from aggregator.web.api_models.feeds import mqtt as models

TAGS: Tags = ["mqtt"]


def add(app: FastAPI, mqtt: MqttService) -> None:
    """Add the routes."""

    @app.get("/api/consumers/{consumer_id}/mqtt", tags=TAGS)
    async def show_mqtt(consumer_id: IdPath, caller: Who) -> models.MqttResponse:
        """Whether a consumer's feed is published at the broker, with its lag and errors."""
        return models.MqttResponse.of(mqtt.place, await mqtt.output(caller, consumer_id))

    @app.post("/api/consumers/{consumer_id}/mqtt", status_code=201, tags=TAGS, responses=errors(409))
    async def turn_mqtt_on(consumer_id: IdPath, caller: Who, wanted: models.MqttRequest) -> models.MqttPasswordResponse:
        """Publish what comes from now on. The password is shown once."""
        made, password = await mqtt.turn_on(caller, consumer_id, wanted.home_assistant)
        return models.MqttPasswordResponse(username=made.consumer, password=password)

    @app.delete("/api/consumers/{consumer_id}/mqtt", tags=TAGS)
    async def turn_mqtt_off(consumer_id: IdPath, caller: Who) -> models.MqttRemovedResponse:
        """Publish nothing more; the broker refuses the consumer at once."""
        await mqtt.turn_off(caller, consumer_id)
        return models.MqttRemovedResponse(removed=consumer_id)

    @app.post("/api/consumers/{consumer_id}/mqtt/password", status_code=201, tags=TAGS, responses=errors(409))
    async def replace_mqtt_password(consumer_id: IdPath, caller: Who) -> models.MqttPasswordResponse:
        """Replace the password, which is shown once; the one before ends at once."""
        after, password = await mqtt.renew(caller, consumer_id)
        return models.MqttPasswordResponse(username=after.consumer, password=password)

    @app.post("/api/consumers/{consumer_id}/mqtt/home-assistant", tags=TAGS)
    async def set_home_assistant(
        consumer_id: IdPath, caller: Who, wanted: models.HomeAssistantRequest
    ) -> models.HomeAssistantResponse:
        """Publish Home Assistant's discovery messages, or take them back."""
        after = await mqtt.set_home_assistant(caller, consumer_id, wanted.on)
        return models.HomeAssistantResponse(home_assistant=after.home_assistant == "on")
