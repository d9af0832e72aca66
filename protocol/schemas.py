"""JSON Schemas and the AsyncAPI document, generated from the code; `python -m protocol.schemas` writes them.

They stand in `configs/contract/`; a test compares them with the code.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from protocol.envelope import Envelope
from protocol.event_types import KINDS
from protocol.receipts import BoxStatus, Receipt
from protocol.topics import ROOT

FOLDER = Path(__file__).resolve().parents[1] / "configs" / "contract"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"

Json = dict[str, Any]


def event_schema(kind: str) -> Json:
    """The schema of one kind's whole message."""
    envelope = inlined(Envelope)
    properties = dict(envelope["properties"])
    properties["type"] = {"const": f"paifang.{kind}.v1"}
    properties["data"] = inlined(KINDS[kind])
    return {"$schema": _DIALECT, **envelope, "title": f"paifang.{kind}.v1", "properties": properties}


def documents() -> dict[str, str]:
    """File name → text of every generated document."""
    found = {f"{kind}.schema.json": event_schema(kind) for kind in KINDS}
    found["receipt.schema.json"] = {"$schema": _DIALECT, **inlined(Receipt)}
    found["status.schema.json"] = {"$schema": _DIALECT, **inlined(BoxStatus)}
    found["asyncapi.json"] = asyncapi()
    return {name: json.dumps(document, indent=1, ensure_ascii=False) + "\n" for name, document in found.items()}


def asyncapi() -> Json:
    """The AsyncAPI 3.0 document of the topics between boxes and the aggregator."""
    messages = {kind: {"payload": {"$ref": f"./{kind}.schema.json"}} for kind in KINDS}
    channels = {
        "events": _channel("events", messages),
        "status": _channel("status", {"status": {"payload": {"$ref": "./status.schema.json"}}}),
        "receipts": _channel("receipts", {"receipt": {"payload": {"$ref": "./receipt.schema.json"}}}),
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Paifang: boxes and aggregator",
            "version": "1.0.0",
            "description": "MQTT, QoS 1. `status` and `receipts` are retained; `status` is also the last will.",
            "license": {"name": "Apache-2.0"},
        },
        "channels": channels,
        "operations": {
            "sendEvents": {"action": "send", "channel": {"$ref": "#/channels/events"}},
            "sendStatus": {"action": "send", "channel": {"$ref": "#/channels/status"}},
            "receiveReceipts": {"action": "receive", "channel": {"$ref": "#/channels/receipts"}},
        },
    }


def write(folder: Path) -> int:
    """Write every document into `folder`, drop what is no longer generated, and return how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = documents()
    for old in folder.glob("*.json"):
        if old.name not in texts:
            old.unlink()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return len(texts)


def _channel(leaf: str, messages: Json) -> Json:
    name = {"description": "Letters, digits, '_', '.', '-'; at most 64."}
    return {
        "address": f"{ROOT}/{{site}}/{{box}}/{leaf}",
        "parameters": {"site": name, "box": name},
        "messages": messages,
    }


def inlined(shape: type[msgspec.Struct]) -> Json:
    """The schema of a struct with its references resolved in place."""
    (schema,), parts = msgspec.json.schema_components([shape], ref_template="{name}")
    return dict(_resolve(schema, parts))


def _resolve(node: Any, parts: Json) -> Any:
    if isinstance(node, dict):
        if "$ref" in node:
            return _resolve(parts[node["$ref"]], parts)
        return {key: _resolve(value, parts) for key, value in node.items()}
    return [_resolve(item, parts) for item in node] if isinstance(node, list) else node


if __name__ == "__main__":
    sys.stdout.write(f"{write(FOLDER)} documents in {FOLDER}\n")
