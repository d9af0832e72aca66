"""DESIGN section 1: no kind of event has a field that could carry an identity."""

from __future__ import annotations

import msgspec
import pytest

from protocol.envelope import Envelope
from protocol.event_types import KINDS, VehicleRegistered, VehicleUnlisted, VehicleVisitor

ALLOWED = {
    *("zone", "object", "track", "bbox", "confidence", "seconds", "count", "line", "direction"),
    *("door", "credential", "reason", "granted", "crossed"),
    *("gate", "entry", "vehicle", "opened"),
    *("score", "from", "to", "cause", "sequences", "by", "change"),
}
"""Every field name that any kind may have. Who adds one explains here why it identifies nobody.

`credential` and `vehicle` are daily pseudonyms; `entry` is the id of a list entry, barred or expired only; `track`
means nothing outside its camera and run; `object` is one of six classes. `by` is who of the staff took footage out or
holds it: whoever looks is named, nobody who is looked at. `change` is one of three words.
"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_only_fields_that_identify_nobody(kind: str) -> None:
    names = {field.encode_name for field in msgspec.structs.fields(KINDS[kind])}
    assert names <= ALLOWED


def test_the_envelope_has_only_the_fields_of_the_design() -> None:
    names = {field.encode_name for field in msgspec.structs.fields(Envelope)}
    assert names == {"specversion", "id", "source", "type", "time", "sequence", "data", "epoch", "picture"}


def test_no_field_is_free_enough_to_carry_a_plate() -> None:
    for kind in (VehicleRegistered, VehicleVisitor):
        assert {f.name for f in msgspec.structs.fields(kind)} == {"gate", "vehicle", "confidence", "opened"}
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"gate": "g", "vehicle": "京A12345京A12345", "confidence": 1, "opened": True}, kind)
    assert {f.name for f in msgspec.structs.fields(VehicleUnlisted)} == {"gate", "entry", "confidence", "opened"}


def test_the_six_classes_of_objects_are_all_there_are() -> None:
    from pipelines.types import CLASSES

    assert set(CLASSES) == {"person", "bicycle", "car", "motorcycle", "bus", "truck"}
