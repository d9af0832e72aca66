"""The envelope: a CloudEvents 1.0 JSON object around the data of one kind.

Besides DESIGN's fields there are two optional extension attributes. `epoch` names the outbox that numbered the
event: a box whose disk was replaced starts again at sequence 1 under a new epoch, so old receipts never cover new
events. `picture` is a redacted JPEG (base64); it never counts as part of the fact and may be dropped on the way.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from common.decoding import JsonDecoder
from common.errors import ContractError
from protocol.event_types import KIND_OF, KINDS, Data
from protocol.identifiers import check_name, from_rfc3339, is_uuid7, to_rfc3339

MAX_MESSAGE_BYTES = 256 * 1024
MAX_PICTURE_BYTES = 128 * 1024
_PREFIX, _SUFFIX = "paifang.", ".v1"
_JPEG_MAGIC = b"\xff\xd8\xff"


@dataclass(frozen=True)
class UnsequencedEvent:
    """An event before it has its identity: what the box saw, where and when.

    Args:
        place: Camera, door or gate id; the box's own id for events about the box.
        data: The kind's fields.
        time_ns: When it was seen, UTC nanoseconds.
        picture: A redacted JPEG or None. Only `edge.redaction.snapshots` makes these.
    """

    place: str
    data: Data
    time_ns: int
    picture: bytes | None = None

    @property
    def kind(self) -> str:
        """The event's kind, `zone.entered`."""
        return KIND_OF[type(self.data)]


@dataclass(frozen=True)
class Event:
    """An immutable fact that a box saw, with its identity."""

    id: str
    site: str
    box: str
    place: str
    kind: str
    time_ns: int
    sequence: int
    data: Data
    epoch: str = ""
    picture: bytes | None = None


class Envelope(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The wire form. Unknown fields are tolerated, missing ones rejected with their path."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    time: str
    sequence: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    data: msgspec.Raw
    epoch: Annotated[str, msgspec.Meta(max_length=32, pattern=r"^[0-9a-f]*$(?!\n)")] = ""
    picture: str | None = None


_ENVELOPE = JsonDecoder(Envelope)
_DATA = {kind: JsonDecoder(data) for kind, data in KINDS.items()}
_ENCODER = msgspec.json.Encoder()


def encode(event: Event) -> bytes:
    """The wire form of an event, UTF-8 JSON."""
    return _ENCODER.encode(
        Envelope(
            specversion="1.0",
            id=event.id,
            source=f"/{event.site}/{event.box}/{event.place}",
            type=f"{_PREFIX}{event.kind}{_SUFFIX}",
            time=to_rfc3339(event.time_ns),
            sequence=event.sequence,
            data=msgspec.Raw(_ENCODER.encode(event.data)),
            epoch=event.epoch,
            picture=base64.b64encode(event.picture).decode() if event.picture else None,
        )
    )


def decode(message: bytes) -> Event:
    """An event from its wire form.

    Raises:
        ContractError: Too large, not JSON, a missing or wrong field (with its path), an unknown type or version.
    """
    if len(message) > MAX_MESSAGE_BYTES:
        raise ContractError(f"message of {len(message)} bytes; at most {MAX_MESSAGE_BYTES}")
    wire = _ENVELOPE.decode(message)
    kind = _kind(wire.type)
    data = _DATA[kind].decode(wire.data)
    if not is_uuid7(wire.id):
        raise ContractError(f"$.id: '{wire.id[:40]}' is not a UUIDv7")
    site, box, place = _source(wire.source)
    time_ns = from_rfc3339(wire.time)
    picture = _picture(wire.picture)
    return Event(wire.id, site, box, place, kind, time_ns, wire.sequence, data, wire.epoch, picture)


def _kind(type_: str) -> str:
    kind = type_[len(_PREFIX) : -len(_SUFFIX)]
    if not (type_.startswith(_PREFIX) and type_.endswith(_SUFFIX)) or kind not in KINDS:
        raise ContractError(f"$.type: '{type_[:80]}' is not a known event type of version 1")
    return kind


def _source(source: str) -> tuple[str, str, str]:
    parts = source.split("/")
    if len(parts) != 4 or parts[0]:
        raise ContractError(f"$.source: '{source[:120]}' is not /SITE/BOX/PLACE")
    return (
        check_name(parts[1], "$.source: site"),
        check_name(parts[2], "$.source: box"),
        check_name(parts[3], "$.source: place"),
    )


def _picture(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        picture = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ContractError("$.picture: not base64") from error
    if not picture.startswith(_JPEG_MAGIC) or len(picture) > MAX_PICTURE_BYTES:
        raise ContractError(f"$.picture: not a JPEG of at most {MAX_PICTURE_BYTES} bytes")
    return picture
