"""Messages that only the aggregator can have written: Ed25519 (RFC 8032) over the topic and the body.

The topic is signed too, so a message that is replayed on another topic, to another site or box, is refused.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from common.decoding import JsonDecoder
from common.errors import ContractError

_DOMAIN = b"paifang.signed.v1\0"
MAX_BYTES = 1_000_000
"""The embedded broker takes 1 MiB a message."""


class _Signed(msgspec.Struct, frozen=True):
    body: Annotated[str, msgspec.Meta(max_length=2 * MAX_BYTES)]
    signature: Annotated[str, msgspec.Meta(max_length=128)]


_DECODER = JsonDecoder(_Signed, "signed message: malformed")


def sign(key: Ed25519PrivateKey, topic: str, body: bytes) -> bytes:
    """The wire form: JSON with `body` and `signature`, base64.

    Raises:
        ContractError: It would be too long to send.
    """
    signature = key.sign(_signed(topic, body))
    message = json.dumps({"body": _text(body), "signature": _text(signature)}).encode()
    if len(message) > MAX_BYTES:
        raise ContractError(f"a message of {len(message)} bytes; at most {MAX_BYTES} can be sent")
    return message


def verify(key: Ed25519PublicKey, topic: str, message: bytes) -> bytes:
    """The body.

    Raises:
        ContractError: Malformed, or not signed by this key for this topic.
    """
    try:
        parts = _DECODER.decode(message)
        body, signature = (base64.b64decode(text, validate=True) for text in (parts.body, parts.signature))
        key.verify(signature, _signed(topic, body))
    except InvalidSignature as error:
        raise ContractError("signature: not by this site's aggregator, or not for this topic") from error
    except (ValueError, binascii.Error) as error:
        raise ContractError(f"signed message: malformed: {type(error).__name__}") from error
    return body


def _signed(topic: str, body: bytes) -> bytes:
    return _DOMAIN + topic.encode() + b"\0" + body


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
