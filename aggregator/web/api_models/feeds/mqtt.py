"""MQTT out of consumers."""

from __future__ import annotations

from pydantic import Field

from aggregator.services.feeds.mqtt_service import BrokerPlace, ShownOutput
from aggregator.web.api_models.base import Id, RequestModel, ResponseModel, Time, example, optional_time
from protocol.identifiers import to_rfc3339

ID = "01890000-0000-7000-8000-000000000000"
_TIME = "2026-11-23T08:00:00.000000000Z"
_OUTPUT = {
    "tree": f"paifang/feed/v1/{ID}", "username": ID, "home_assistant": False, "position": "4711", "lag": 0,
    "problem": "", "next": None, "made_by": "li", "made": _TIME, "delivered": None,
}  # fmt: skip
_BROKER = {"host": "127.0.0.1", "port": 1883, "embedded": True}
_NEW = {"username": ID, "password": "example"}


class MqttRequest(RequestModel):
    """Turns MQTT on."""

    model_config = RequestModel.model_config | example(home_assistant=False)

    home_assistant: bool = Field(False, description="Publish discovery messages for Home Assistant.")


class HomeAssistantRequest(RequestModel):
    """Turns Home Assistant's discovery on or off."""

    model_config = RequestModel.model_config | example(on=True)

    on: bool


class MqttOutputResponse(ResponseModel):
    """A consumer's output at the broker, without its password."""

    model_config = example(_OUTPUT)

    tree: str = Field(description="What all its topics begin with.")
    username: str = Field(description="At the embedded broker.")
    home_assistant: bool
    position: str = Field(description="The cursor up to which the broker has acknowledged everything.")
    lag: int = Field(description="Entries of the feed after it.")
    problem: str = Field(description="Of the last attempt; empty: it succeeded.")
    next: Time | None = Field(description="When the next attempt is due.")
    made_by: str
    made: Time
    delivered: Time | None = Field(description="When the broker last acknowledged a message.")

    @classmethod
    def of(cls, shown: ShownOutput) -> MqttOutputResponse:
        """From the service."""
        it = shown.output
        return cls(
            tree=shown.tree, username=it.consumer, home_assistant=it.home_assistant == "on", position=str(it.position),
            lag=shown.lag, problem=it.problem, next=optional_time(it.next_ns or None), made_by=it.made_by,
            made=to_rfc3339(it.made_ns), delivered=optional_time(it.delivered_ns or None),
        )  # fmt: skip


class BrokerResponse(ResponseModel):
    """Where the broker is."""

    model_config = example(_BROKER)

    host: str
    port: int
    embedded: bool = Field(description="False: its operator makes the consumer's account.")


class MqttResponse(ResponseModel):
    """Whether MQTT is on for a consumer."""

    model_config = example(broker=_BROKER, output=_OUTPUT)

    broker: BrokerResponse
    output: MqttOutputResponse | None = Field(description="null: MQTT is off.")

    @classmethod
    def of(cls, place: BrokerPlace, shown: ShownOutput | None) -> MqttResponse:
        """From the service."""
        broker = BrokerResponse(host=place.host, port=place.port, embedded=place.embedded)
        return cls(broker=broker, output=None if shown is None else MqttOutputResponse.of(shown))


class MqttPasswordResponse(ResponseModel):
    """The account at the broker."""

    model_config = example(_NEW)

    username: str
    password: str = Field(description="It is shown once; empty where the broker is external.")


class HomeAssistantResponse(ResponseModel):
    """Whether discovery messages are published."""

    model_config = example(home_assistant=True)

    home_assistant: bool


class MqttRemovedResponse(ResponseModel):
    """MQTT was turned off."""

    model_config = example(removed=ID)

    removed: Id
