"""A checkpoint: "at this time the record had this many entries and this root", signed with Ed25519.

A holder of an old checkpoint can check whether the log was changed since: boxes hold them, and others may.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from common.decoding import JsonDecoder
from common.errors import RecordError
from protocol.identifiers import check_name
from protocol.topics import ROOT

_DOMAIN = b"paifang.checkpoint.v1\0"
Hex32 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
Hex64 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{128}$(?!\n)")]


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """The audit log at one time."""

    size: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    root: Hex32
    time_ns: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    signature: Hex64


_DECODER = JsonDecoder(Checkpoint, "checkpoint", RecordError)


def topic(site: str) -> str:
    """The topic of the newest one for a site's boxes (retained)."""
    return f"{ROOT}/{check_name(site, 'site')}/checkpoint"


def make(size: int, root: bytes, time_ns: int, key: Ed25519PrivateKey) -> Checkpoint:
    """Sign the record's state."""
    signature = key.sign(_signed(size, root.hex(), time_ns)).hex()
    return Checkpoint(size=size, root=root.hex(), time_ns=time_ns, signature=signature)


def check(checkpoint: Checkpoint, key: Ed25519PublicKey) -> None:
    """Check who signed it.

    Raises:
        RecordError: The signature is not this key's.
    """
    text = _signed(checkpoint.size, checkpoint.root, checkpoint.time_ns)
    try:
        key.verify(bytes.fromhex(checkpoint.signature), text)
    except InvalidSignature as error:
        raise RecordError(f"the checkpoint at {checkpoint.size} entries has another signature") from error


def encode(checkpoint: Checkpoint) -> bytes:
    """JSON."""
    return msgspec.json.encode(checkpoint)


def decode(message: bytes) -> Checkpoint:
    """A checkpoint from JSON.

    Raises:
        RecordError: It is none.
    """
    return _DECODER.decode(message)


def _signed(size: int, root: str, time_ns: int) -> bytes:
    return _DOMAIN + f"{size}\n{root}\n{time_ns}\n".encode()
