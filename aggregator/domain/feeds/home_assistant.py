"""Retained messages of MQTT out: Home Assistant's discovery, and the states that it shows. Pure.

Discovery is one message an entity, `PREFIX/COMPONENT/NODE/OBJECT/config`, after "MQTT Discovery" of Home Assistant's
documentation, with the keys of version 2023.12 and later; PREFIX is `paifang/feed/v1/CONSUMER/homeassistant`. No entity
has a topic for commands: nothing can be operated from outside. States are `…/SITE/devices/KIND/ID` and
`…/SITE/state/alerts`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.alerts.types import Severity
from aggregator.domain.feeds.consumer import Consumer
from aggregator.domain.feeds.mqtt_output import MqttMessage, tree

DeviceKind = Literal["box", "camera", "door"]
Json: TypeAlias = dict[str, Any]
MOTION_KINDS = ("zone.entered", "line.crossed")
STATE_KINDS: Mapping[DeviceKind, tuple[str, ...]] = {
    "box": ("box.lost",),
    "camera": ("camera.lost", "camera.back"),
    "door": ("door.forced", "door.held", "door.closed", "door.offline", "door.online"),
}
"""Event types that a consumer must get for a device's state to be among what it was granted."""
OFF_DELAY_S = 30
"""Motion is off after so long without an event; an event has no end."""
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low")
_ID = re.compile(r"[A-Za-z0-9_-]+")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class DeviceNow:
    """A box, camera or door as it is now.

    Attributes:
        id: Of the camera or door; the box's own for a box.
        online: Whether it works.
        open: A door's: whether it stands open; None: not known, or no door.
        locked: Likewise.
    """

    kind: DeviceKind
    site: str
    box: str
    id: str
    name: str
    online: bool
    open: bool | None = None
    locked: bool | None = None


def messages(
    consumer: Consumer, within: Scope, devices: Iterable[DeviceNow], alerts: Mapping[str, Mapping[Severity, int]]
) -> list[MqttMessage]:
    """All retained messages of a consumer.

    Args:
        consumer: Whose.
        within: Where its places are.
        devices: All that there are.
        alerts: Site → open alerts by severity, of the places of the consumer.
    """
    made: list[MqttMessage] = []
    sites: set[str] = set()
    for it in devices:
        if within.holds(it.site, "" if it.kind == "box" else it.id):
            sites.add(it.site)
            made += _device(consumer, it)
    if "alerts" in consumer.selection.contents and not consumer.selection.kinds:
        for site in sorted(sites):
            made += _alerts(consumer, site, alerts.get(site, {}))
    return made


def taken_back(topics: Iterable[str]) -> list[MqttMessage]:
    """Empty retained messages, which erase those of these topics at the broker and the entities at Home Assistant."""
    return [MqttMessage(it, b"", retain=True) for it in topics]


def _granted(consumer: Consumer, kinds: Iterable[str]) -> bool:
    """Whether what these events say is among what was approved: their states are, too."""
    chosen = consumer.selection
    every = not chosen.kinds or set(kinds) <= set(chosen.kinds)
    return "events" in chosen.contents and not chosen.severities and every


def _device(consumer: Consumer, it: DeviceNow) -> list[MqttMessage]:
    state = f"{tree(consumer.id)}/{it.site}/devices/{it.kind}/{it.id}"
    about: Json = {
        "identifiers": [_object(consumer.id, it.kind, it.site, it.box, it.id)], "name": it.name or it.id,
        "manufacturer": "Paifang", "model": it.kind.capitalize(),
    }  # fmt: skip
    known = _granted(consumer, STATE_KINDS[it.kind])
    made = []
    if known:
        body = (
            {"online": it.online, "open": it.open, "locked": it.locked} if it.kind == "door" else {"online": it.online}
        )
        made.append(MqttMessage(state, _encode(body), retain=True))
        made.append(_entity(consumer, it, about, "online", _flag("Online", "connectivity", state, "online")))
    reachable = {"availability_topic": state, "availability_template": _choice("online", "online", "offline")}
    if it.kind == "door" and known:
        made.append(_entity(consumer, it, about, "door", _flag("Door", "door", state, "open") | reachable))
        lock = {"device_class": "lock", "value_template": _choice("locked", "OFF", "ON", none="None")}
        made.append(_entity(consumer, it, about, "lock", _flag("Lock", "lock", state, "locked") | lock | reachable))
    kinds = [kind for kind in MOTION_KINDS if _granted(consumer, [kind])]
    if it.kind == "camera" and kinds:
        types = ", ".join(f"'paifang.{kind}.v1'" for kind in kinds)
        motion = {
            "name": "Motion", "device_class": "motion", "off_delay": OFF_DELAY_S,
            "state_topic": f"{tree(consumer.id)}/{it.site}/events/{it.id}/+/+",
            "value_template": f"{{% if value_json.type in [{types}] %}}ON{{% endif %}}",
        }  # fmt: skip
        made.append(_entity(consumer, it, about, "motion", motion | (reachable if known else {})))
    return made


def _alerts(consumer: Consumer, site: str, counted: Mapping[Severity, int]) -> list[MqttMessage]:
    chosen = [it for it in SEVERITIES if not consumer.selection.severities or it in consumer.selection.severities]
    counts: dict[str, int] = {it: counted.get(it, 0) for it in chosen}
    state = f"{tree(consumer.id)}/{site}/state/alerts"
    highest = next((it for it in chosen if counts[it]), "none")
    body: Json = {"open": sum(counts.values()), "highest": highest, **counts}
    it = DeviceNow("box", site, "", "alerts", site, online=True)
    about: Json = {
        "identifiers": [_object(consumer.id, "site", site)],
        "name": site,
        "manufacturer": "Paifang",
        "model": "Site",
    }
    opened = {
        "name": "Open alerts", "state_topic": state, "value_template": "{{ value_json.open }}", "icon": "mdi:bell",
        "state_class": "measurement", "json_attributes_topic": state,
    }  # fmt: skip
    most = {
        "name": "Highest alert", "state_topic": state, "value_template": "{{ value_json.highest }}",
        "device_class": "enum", "options": [*SEVERITIES, "none"], "icon": "mdi:alert",
    }  # fmt: skip
    return [
        MqttMessage(state, _encode(body), retain=True),
        _entity(consumer, it, about, "open", opened, component="sensor"),
        _entity(consumer, it, about, "highest", most, component="sensor"),
    ]


def _flag(name: str, device_class: str, state: str, field: str) -> Json:
    template = _choice(field, "ON", "OFF", none="None")  # the text None stands for "unknown" there
    return {"name": name, "device_class": device_class, "state_topic": state, "value_template": template}


def _choice(field: str, yes: str, no: str, none: str = "") -> str:
    unknown = f"'{none}' if value_json.{field} is none else " if none else ""
    return f"{{{{ {unknown}'{yes}' if value_json.{field} else '{no}' }}}}"


def _entity(
    consumer: Consumer, it: DeviceNow, about: Json, name: str, config: Json, *, component: str = "binary_sensor"
) -> MqttMessage:
    unique = _object(consumer.id, it.kind, it.site, it.box, it.id, name)
    body = config | {"unique_id": unique, "object_id": unique, "device": about, "origin": {"name": "Paifang"}}
    topic = f"{tree(consumer.id)}/homeassistant/{component}/{_node(it.site)}/{unique}/config"
    return MqttMessage(topic, _encode(body), retain=True)


def _node(site: str) -> str:
    return site if _ID.fullmatch(site) else hashlib.sha256(site.encode()).hexdigest()[:16]


def _object(*parts: str) -> str:
    """An id of letters and digits only, which Home Assistant requires; names of places may have dots.

    >>> _object("019c", "camera", "village", "gate-1", "cam.1")
    'paifang_2e3e84bcfd154e77'
    """
    return "paifang_" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
