from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import ContractError
from protocol.envelope import MAX_MESSAGE_BYTES, MAX_PICTURE_BYTES, Event, decode, encode
from protocol.event_types import KIND_OF, KINDS, LineCrossed, OutboxLost, ZoneEntered
from protocol.identifiers import uuid7

ZONE = ZoneEntered(zone="yard", object="person", track=3, bbox=(1, 2, 3, 4), confidence=0.5)


def event(**changes: Any) -> Event:
    facts: dict[str, Any] = {
        "id": uuid7(1_700_000_000_000_000_000, bytes(10)),
        "site": "village",
        "box": "gate-1",
        "place": "cam-1",
        "kind": "zone.entered",
        "time_ns": 1_700_000_000_123_456_789,
        "sequence": 7,
        "data": ZONE,
        "epoch": "00ff",
        "picture": b"\xff\xd8\xffjpeg",
    }
    return Event(**(facts | changes))


def wire(**changes: Any) -> bytes:
    message = json.loads(encode(event()))
    for key, value in changes.items():
        if value is None:
            del message[key]
        else:
            message[key] = value
    return json.dumps(message).encode()


def test_an_event_survives_the_wire() -> None:
    assert decode(encode(event())) == event()


def test_an_event_without_picture_and_epoch_survives_the_wire() -> None:
    bare = event(picture=None, epoch="")
    assert decode(encode(bare)) == bare
    assert set(json.loads(encode(bare))) == {"specversion", "id", "source", "type", "time", "sequence", "data"}


def test_unknown_fields_are_tolerated() -> None:
    assert decode(wire(tomorrow=1, data=json.loads(encode(event()))["data"] | {"new": True})) == event()


@pytest.mark.parametrize("field", ["specversion", "id", "source", "type", "time", "sequence", "data"])
def test_a_missing_field_is_named(field: str) -> None:
    with pytest.raises(ContractError, match=field):
        decode(wire(**{field: None}))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"specversion": "2.0"}, "specversion"),
        ({"id": "7"}, r"\$\.id"),
        ({"id": "00000000-0000-4000-8000-000000000000"}, "UUIDv7"),
        ({"source": "village/gate-1/cam-1"}, r"\$\.source"),
        ({"source": "/village/gate-1/ca m"}, "place"),
        ({"source": "/village/#/cam"}, "box"),
        ({"type": "paifang.zone.entered.v2"}, r"\$\.type"),
        ({"type": "paifang.face.recognised.v1"}, r"\$\.type"),
        ({"time": "yesterday"}, r"\$\.time"),
        ({"time": "2026-02-30T00:00:00Z"}, r"\$\.time"),
        ({"time": "2026-11-23T12:00:00+08:00"}, r"\$\.time"),
        ({"sequence": 0}, "sequence"),
        ({"sequence": "7"}, "sequence"),
        ({"data": {"zone": "yard"}}, "object"),
        ({"data": {"zone": "yard", "object": "cat", "track": 1, "bbox": [1, 2, 3, 4], "confidence": 1}}, "object"),
        ({"data": []}, "object"),
        ({"picture": "no base64!"}, "picture"),
        ({"picture": "aGVsbG8="}, "JPEG"),
        ({"epoch": "not hex"}, "epoch"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ContractError, match=named):
        decode(wire(**changes))


def test_a_huge_message_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(ContractError, match="at most"):
        decode(b"[" * (MAX_MESSAGE_BYTES + 1))


def test_a_picture_that_is_too_large_is_refused() -> None:
    with pytest.raises(ContractError, match="JPEG of at most"):
        decode(encode(event(picture=b"\xff\xd8\xff" + bytes(MAX_PICTURE_BYTES))))


@given(st.binary(max_size=300))
def test_any_bytes_are_an_event_or_a_contract_error(message: bytes) -> None:
    with pytest.raises(ContractError):
        decode(message)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ContractError):
        decode(b'{"data":' + b"[" * 100_000 + b"}")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_one_name(kind: str) -> None:
    assert KIND_OF[KINDS[kind]] == kind


def test_what_the_outbox_lost_survives_the_wire() -> None:
    lost = event(kind="outbox.lost", data=OutboxLost(count=3, sequences=((1, 2), (9, 9))))
    assert decode(encode(lost)) == lost


def test_a_crossing_survives_the_wire() -> None:
    data = LineCrossed(line="gate", direction="forward", object="bus", track=1)
    crossed = event(kind="line.crossed", data=data)
    assert decode(encode(crossed)) == crossed
