"""The AsyncAPI document: valid, what the code says, and what the aggregator serves and sends."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from agg_support import START_NS, Web, event
from npm_kit import npm_file

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.feeds import feed_entry, home_assistant
from aggregator.domain.feeds.feed_entry import SHARED, FeedEntry
from aggregator.domain.feeds.mqtt_output import topic_of
from aggregator.web import api_document
from aggregator.web.api.feeds import asyncapi
from protocol.event_types import KINDS, DoorHeld, ZoneEntered

from domain.feeds.test_home_assistant import DEVICES, consumer  # isort: skip
from storage.test_stores_contract import alert  # isort: skip

DOCUMENT: dict[str, Any] = json.loads(api_document.ASYNC_FILE.read_text("utf-8"))
SCHEMAS = DOCUMENT["components"]["schemas"]
SPECIFICATION = ("@asyncapi/specs@6.11.1", "package/schemas/3.0.0.json")


def test_the_file_is_what_the_code_says_and_what_is_served(web: Web) -> None:
    text = api_document.encode(asyncapi.document())
    assert api_document.ASYNC_FILE.read_text("utf-8") == text, "run: python -m aggregator.web.api_document"
    with web.logged_in() as client:
        assert client.get("/api/asyncapi.json").json() == DOCUMENT
    with web.client() as client:
        assert client.get("/api/asyncapi.json").status_code == 401


def test_it_is_valid_after_the_schema_of_the_specification() -> None:
    specification = jsonschema.Draft7Validator(json.loads(npm_file(*SPECIFICATION)))
    specification.validate(DOCUMENT)
    broken = DOCUMENT | {"operations": {"x": {"action": "tell"}}}
    with pytest.raises(jsonschema.ValidationError):
        specification.validate(broken)


def test_every_reference_leads_somewhere_and_every_kind_is_described() -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            return [node["$ref"]] if "$ref" in node else [it for one in node.values() for it in references(one)]
        return [it for one in node for it in references(one)] if isinstance(node, list) else []

    for it in references(DOCUMENT):
        found: Any = DOCUMENT
        for part in it.removeprefix("#/").split("/"):
            found = found[part]
    assert set(KINDS) < set(SCHEMAS)


def test_only_shared_fields_are_described() -> None:
    for kind in KINDS:
        assert set(SCHEMAS[kind]["properties"]["data"]["properties"]) <= SHARED | {"severity"}


def handed_over(entry: FeedEntry) -> dict[str, Any]:
    return feed_entry.cloud_event(consumer(media=("pictures", "clips")), entry)


def test_what_is_sent_is_what_is_described() -> None:
    zone = ZoneEntered(zone="yard", object="person", track=1, bbox=(0.1, 0.1, 0.2, 0.2), confidence=0.9)
    for kind, data in (("zone.entered", zone), ("door.held", DoorHeld(door="main", seconds=4, reason="secret"))):
        entry = feed_entry.of_event(event(1, data), "high", START_NS)
        jsonschema.validate(handed_over(entry), SCHEMAS[kind])
        group, name = kind.split(".")
        place = DOCUMENT["channels"]["events"]["address"].format(
            consumer=consumer().id, site=entry.site, place=entry.place, group=group, name=name
        )
        assert topic_of(consumer().id, entry) == place
    jsonschema.validate(handed_over(feed_entry.of_alert(alert(1), ["opened"], START_NS)), SCHEMAS["alert.changed"])
    found = home_assistant.messages(consumer(), Scope(everywhere=True), DEVICES, {"village": {"high": 2}})
    for it in found:
        if "/devices/" in it.topic:
            jsonschema.validate(json.loads(it.payload), SCHEMAS["device.state"])
        if it.topic.endswith("/state/alerts"):
            jsonschema.validate(json.loads(it.payload), SCHEMAS["alerts.open"])
