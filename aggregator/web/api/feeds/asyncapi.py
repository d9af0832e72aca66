"""The AsyncAPI 3.0 document of what integrators receive: MQTT topics, webhooks and server-sent events.

Generated from the event types. `python -m aggregator.web.api_document` writes it into `configs/asyncapi.json`; a
running aggregator serves it at `/api/asyncapi.json`. What boxes and the aggregator say is in `configs/contract`.
"""

from __future__ import annotations

from typing import Any, TypeAlias, get_args

import msgspec
from fastapi import FastAPI
from starlette.responses import Response

from aggregator.domain.alerts.types import Acknowledgement, Condition, Outcome, Severity, Status, Suppression
from aggregator.domain.feeds.feed_entry import ALERT_TYPE, SHARED
from aggregator.domain.feeds.home_assistant import SEVERITIES
from aggregator.domain.feeds.mqtt_output import ROOT
from aggregator.settings.alerts import OWN_KINDS
from aggregator.web.api.dependencies import Tags, Who, content
from protocol.event_types import KINDS
from protocol.schemas import inlined

TAGS: Tags = ["feed"]
Json: TypeAlias = dict[str, Any]
ALERT = "alert.changed"
DESCRIPTION = """What Paifang's aggregator sends to consumers: CloudEvents 1.0 objects, over MQTT (QoS 1), to webhooks
and as server-sent events. Each consumer gets what was approved for it; the order is that of the feed; an event that
comes again has the same `id` and `source`. Unknown fields are to be ignored."""
_TEXT: Json = {"type": "string"}
_ADDRESS: Json = {"type": "string", "format": "uri-reference"}
_TIME: Json = {"type": "string", "format": "date-time"}
_encode = msgspec.json.Encoder().encode


def add(app: FastAPI) -> None:
    """Add the route."""
    body = _encode(document())

    @app.get(
        "/api/asyncapi.json", tags=TAGS, response_class=Response, responses=content("application/json", "AsyncAPI.")
    )
    async def show_asyncapi(caller: Who) -> Response:  # noqa: ARG001
        """The AsyncAPI document of the feed over MQTT, webhooks and server-sent events."""
        return Response(body, media_type="application/json")


def document() -> Json:
    """The document."""
    schemas: Json = {kind: _event(kind) for kind in KINDS} | {ALERT: _alert()} | _states()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Paifang: feeds", "version": "1.0.0", "description": DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {
            "broker": {"host": "aggregator.example:1883", "protocol": "mqtt", "protocolVersion": "3.1.1"},
            "aggregator": {"host": "aggregator.example", "protocol": "https"},
        },
        "channels": _channels(),
        "operations": {
            f"send{name[0].upper()}{name[1:]}": {"action": "send", "channel": {"$ref": f"#/channels/{name}"}}
            for name in _channels()
        },
        "components": {
            "schemas": schemas,
            "messages": {name: {"name": name, "payload": {"$ref": f"#/components/schemas/{name}"}} for name in schemas},
        },
    }  # fmt: skip


def _channels() -> Json:
    consumer = f"{ROOT}/{{consumer}}/{{site}}"
    events = list(KINDS)
    batch = (
        "Also batches of up to 100 events as `application/cloudevents-batch+json`, signed as Standard Webhooks says."
    )
    return {
        "events": _channel(f"{consumer}/events/{{place}}/{{group}}/{{name}}", "broker", events, "Events over MQTT."),
        "alerts": _channel(
            f"{consumer}/alerts/{{place}}/{{group}}/{{name}}", "broker", [ALERT], "Changes of alerts over MQTT."
        ),
        "devices": _channel(
            f"{consumer}/devices/{{device}}/{{id}}", "broker", ["device.state"], "Retained; with Home Assistant only."
        ),
        "openAlerts": _channel(
            f"{consumer}/state/alerts", "broker", ["alerts.open"], "Retained; with Home Assistant only."
        ),
        "webhook": _channel("{address}", "aggregator", [*events, ALERT], f"POST to the address of a webhook. {batch}"),
        "stream": _channel(
            "/api/feed/stream", "aggregator", [*events, ALERT], "Server-sent events; `id` is the cursor."
        ),
    }


_PARAMETERS = {
    "consumer": "The consumer's id.", "site": "The site's id.", "place": "The camera, door, gate or box.",
    "group": "The event type before its dot.", "name": "The event type after its dot.",
    "device": "`box`, `camera` or `door`.", "id": "Of the device.", "address": "The webhook's address.",
}  # fmt: skip


def _channel(address: str, server: str, messages: list[str], description: str) -> Json:
    parameters = {name: {"description": text} for name, text in _PARAMETERS.items() if f"{{{name}}}" in address}
    return {
        "address": address, "description": description, "servers": [{"$ref": f"#/servers/{server}"}],
        "messages": {it: {"$ref": f"#/components/messages/{it}"} for it in messages},
    } | ({"parameters": parameters} if parameters else {})  # fmt: skip


def _cloud_event(kind: str, data: Json, more: Json) -> Json:
    """A CloudEvents 1.0 object with the extensions of the feed."""
    properties: Json = {
        "specversion": {"const": "1.0"}, "id": _TEXT, "source": _TEXT, "type": {"const": kind}, "time": _TIME,
        "datacontenttype": {"const": "application/json"}, "sequence": {"type": "string", "pattern": "^[0-9]+$"},
    }  # fmt: skip
    properties |= more | {"data": data}
    optional = {"picture", "clip"}
    return {"type": "object", "required": [it for it in properties if it not in optional], "properties": properties}


def _event(kind: str) -> Json:
    whole = inlined(KINDS[kind])
    shared = {name: schema for name, schema in whole.get("properties", {}).items() if name in SHARED}
    data = {
        "type": "object", "required": [it for it in whole.get("required", []) if it in SHARED],
        "properties": shared | {"severity": _one_of(Severity)},
    }  # fmt: skip
    return _cloud_event(f"paifang.{kind}.v1", data, {"picture": _ADDRESS})


def _alert() -> Json:
    properties: Json = {
        "alert": _TEXT, "kind": {"enum": sorted({*KINDS, *OWN_KINDS})}, "actions": {"type": "array", "items": _TEXT},
        "severity": _one_of(Severity), "status": _one_of(Status), "condition": _one_of(Condition),
        "acknowledgement": _one_of(Acknowledgement), "outcome": {"enum": ["", *get_args(Outcome)]},
        "suppression": _one_of(Suppression), "count": {"type": "integer"}, "subject": _TEXT, "object": _TEXT,
        "first": _TIME, "last": _TIME, "opened": _TIME, "merged_into": _TEXT, "version": {"type": "integer"},
    }  # fmt: skip
    data = {"type": "object", "required": list(properties), "properties": properties}
    return _cloud_event(ALERT_TYPE, data, {"subject": _TEXT, "clip": _ADDRESS})


def _states() -> Json:
    flag, known = {"type": "boolean"}, {"type": ["boolean", "null"]}
    counts = {it: {"type": "integer"} for it in SEVERITIES}
    return {
        "device.state": {
            "type": "object", "required": ["online"], "properties": {"online": flag, "open": known, "locked": known},
        },
        "alerts.open": {
            "type": "object", "required": ["open", "highest"],
            "properties": {"open": {"type": "integer"}, "highest": {"enum": [*SEVERITIES, "none"]}, **counts},
        },
    }  # fmt: skip


def _one_of(literal: Any) -> Json:
    return {"enum": list(get_args(literal))}
