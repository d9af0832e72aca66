"""Signs webhooks (Standard Webhooks 1.0.0): `v1` is HMAC-SHA256, `v1a` Ed25519; two secrets while one is replaced."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Iterable

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEY_BYTES = 32


class SigningSecret(msgspec.Struct, frozen=True):
    """The keys of a webhook, 32 bytes each."""

    symmetric: bytes
    seed: bytes

    @classmethod
    def new(cls, random: Callable[[int], bytes]) -> SigningSecret:
        """New keys from random bytes."""
        return cls(random(KEY_BYTES), random(KEY_BYTES))

    @property
    def secret_text(self) -> str:
        """What a receiver needs to check `v1`; secret."""
        return f"whsec_{_text(self.symmetric)}"

    @property
    def public_text(self) -> str:
        """What a receiver needs to check `v1a`."""
        key = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return f"whpk_{_text(key.public_bytes(Encoding.Raw, PublicFormat.Raw))}"


def headers(message_id: str, time_s: int, body: bytes, secrets: Iterable[SigningSecret]) -> dict[str, str]:
    """The headers of a message.

    Args:
        message_id: The same one when it is sent again; without a dot.
        time_s: When it is sent, seconds since 1970.
        body: What is sent.
        secrets: All that are valid; the newest first.
    """
    content = f"{message_id}.{time_s}.".encode() + body
    signatures: list[str] = []
    for it in secrets:
        signatures.append(f"v1,{_text(hmac.digest(it.symmetric, content, 'sha256'))}")
        signatures.append(f"v1a,{_text(Ed25519PrivateKey.from_private_bytes(it.seed).sign(content))}")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(time_s),
        "webhook-signature": " ".join(signatures),
    }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
