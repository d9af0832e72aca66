"""Home Assistant's messages: only what was granted, only documented keys, and nothing that can be operated."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
from agg_support import START_NS

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.feeds.consumer import Consumer, Selection
from aggregator.domain.feeds.home_assistant import DeviceNow, messages, taken_back

DEVICES = [
    DeviceNow("box", "village", "gate-1", "gate-1", "", online=True),
    DeviceNow("camera", "village", "gate-1", "cam.1", "Forecourt", online=False),
    DeviceNow("door", "village", "gate-1", "main", "Main door", online=True, open=True, locked=None),
    DeviceNow("camera", "harbour", "quay-1", "cam.1", "", online=True),
]
TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
ENTITY = {
    "name": TEXT, "unique_id": TEXT, "object_id": {"type": "string", "pattern": "^[a-z0-9_]+$"}, "icon": TEXT,
    "availability_topic": TEXT, "availability_template": TEXT, "json_attributes_topic": TEXT,
    "state_topic": TEXT, "value_template": TEXT,
    "device": {
        "type": "object", "required": ["identifiers"], "additionalProperties": False,
        "properties": {"identifiers": {"type": "array", "items": TEXT, "minItems": 1}}
        | dict.fromkeys(("name", "manufacturer", "model"), TEXT),
    },
    "origin": {"type": "object", "required": ["name"], "properties": {"name": TEXT}, "additionalProperties": False},
}  # fmt: skip
OWN: dict[str, dict[str, Any]] = {
    "binary_sensor": {
        "device_class": {"enum": ["connectivity", "door", "lock", "motion"]}, "off_delay": {"type": "integer"},
    },
    "sensor": {
        "device_class": {"enum": ["enum"]}, "options": {"type": "array", "items": TEXT},
        "state_class": {"enum": ["measurement"]},
    },
}  # fmt: skip
"""The keys that we use, after the pages "MQTT Sensor" and "MQTT binary sensor" of Home Assistant's documentation for
2024.3. None of them is a topic that Home Assistant publishes to."""


def schema(component: str) -> dict[str, Any]:
    return {
        "type": "object", "required": ["state_topic", "unique_id", "device"], "properties": ENTITY | OWN[component],
        "additionalProperties": False, "dependentRequired": {"options": ["device_class"]},
    }  # fmt: skip


def consumer(**more: Any) -> Consumer:
    return Consumer(
        id="01890000-0000-7000-8000-000000000001", name="assistant", contact="-", purpose="-", basis="-",
        selection=Selection(places=("village",), **more), requests_per_minute=1, events_per_hour=1, ends_ns=START_NS,
        created_by="li", created_ns=0,
    )  # fmt: skip


def made(**more: Any) -> dict[str, Any]:
    """Topic below the tree → body."""
    found = messages(consumer(**more), Scope(sites=frozenset({"village"})), DEVICES, {"village": {"high": 2, "low": 1}})
    assert all(it.retain for it in found)
    return {
        it.topic.removeprefix("paifang/feed/v1/01890000-0000-7000-8000-000000000001/"): json.loads(it.payload)
        for it in found
    }


def configs(found: dict[str, Any]) -> dict[str, Any]:
    return {topic: body for topic, body in found.items() if topic.startswith("homeassistant/")}


def test_discovery_has_documented_keys_only_and_unique_entities_of_three_devices_and_a_site() -> None:
    found = configs(made())
    for topic, body in found.items():
        where = re.fullmatch(r"homeassistant/(binary_sensor|sensor)/[A-Za-z0-9_-]+/([A-Za-z0-9_-]+)/config", topic)
        assert where is not None, topic
        jsonschema.validate(body, schema(where[1]))
        assert body["unique_id"] == where[2]
    assert len({it["unique_id"] for it in found.values()}) == len(found) == 8
    assert len({tuple(it["device"]["identifiers"]) for it in found.values()}) == 4
    names = sorted((it["device"]["name"], it["name"]) for it in found.values())
    assert names == [
        ("Forecourt", "Motion"), ("Forecourt", "Online"), ("Main door", "Door"), ("Main door", "Lock"),
        ("Main door", "Online"), ("gate-1", "Online"), ("village", "Highest alert"), ("village", "Open alerts"),
    ]  # fmt: skip


def test_states_are_what_entities_refer_to() -> None:
    found = made()
    states = {topic: body for topic, body in found.items() if not topic.startswith("homeassistant/")}
    assert states == {
        "village/devices/box/gate-1": {"online": True},
        "village/devices/camera/cam.1": {"online": False},
        "village/devices/door/main": {"online": True, "open": True, "locked": None},
        "village/state/alerts": {"open": 3, "highest": "high", "critical": 0, "high": 2, "medium": 0, "low": 1},
    }
    tree = f"paifang/feed/v1/{consumer().id}/"
    for body in configs(found).values():
        topic = body["state_topic"].removeprefix(tree)
        assert topic in states or topic == "village/events/cam.1/+/+"


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ({"contents": ("alerts",)}, ["Highest alert", "Open alerts"]),
        ({"contents": ("events",), "kinds": ("zone.entered",)}, ["Motion"]),
        ({"contents": ("events",), "kinds": ("camera.lost", "camera.back")}, ["Online"]),
        ({"contents": ("events",), "severities": ("critical",)}, []),
    ],
)
def test_only_what_was_granted_is_said(chosen: dict[str, Any], names: list[str]) -> None:
    assert sorted(it["name"] for it in configs(made(**chosen)).values()) == names


def test_alerts_count_the_granted_severities_only() -> None:
    found = made(contents=("alerts",), severities=("critical", "low"))
    assert found["village/state/alerts"] == {"open": 1, "highest": "low", "critical": 0, "low": 1}


def test_what_is_taken_back_is_empty_and_retained() -> None:
    (message,) = taken_back(["a/b"])
    assert message == ("a/b", b"", True)
