"""Web Push: encrypts a message for a browser (RFC 8291, RFC 8188) and signs the request (VAPID, RFC 8292).

Written on `cryptography`: pywebpush would bring its own HTTP client beside ours, and http-ece is built at installation.
"""

from __future__ import annotations

import base64
import binascii
import struct
from typing import Any
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from common.clock import SECOND_NS
from common.errors import NotificationError

RECORD = 4096
MOST_MESSAGE = 3_000
"""Bytes; push services take 4,096 with what encryption adds."""
TOKEN_S = 12 * 3600
LIFE_S = 3600
_SECRET = 16


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser gives: the push service's address and the browser's keys."""

    endpoint: str
    p256dh: str
    auth: str


def check(subscription: Subscription) -> None:
    """Whether a subscription can be used.

    Raises:
        NotificationError: It cannot; names the field.
    """
    parts = urlsplit(subscription.endpoint)
    if parts.scheme not in ("https", "http") or not parts.hostname or len(subscription.endpoint) > 1_000:
        raise NotificationError("endpoint: it must be an https:// address of at most 1,000 characters")
    if len(_decoded(subscription.auth)) != _SECRET:
        raise NotificationError(f"auth: it must be {_SECRET} bytes in base64url")
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _decoded(subscription.p256dh))
    except ValueError as error:
        raise NotificationError("p256dh: it must be a point of the curve P-256 in base64url") from error


def encrypt(
    subscription: Subscription, message: bytes, key: ec.EllipticCurvePrivateKey, salt: bytes, most: int = MOST_MESSAGE
) -> bytes:
    """The body of the request.

    Args:
        subscription: Of the browser; checked.
        message: At most `most` bytes.
        key: A new one for each message.
        salt: 16 random bytes.
        most: The limit.
    """
    assert len(message) <= most
    public = _point(key.public_key())
    theirs = _decoded(subscription.p256dh)
    browser = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs)
    shared = key.exchange(ec.ECDH(), browser)
    secret = _derive(_decoded(subscription.auth), shared, b"WebPush: info\0" + theirs + public, 32)
    content = AESGCM(_derive(salt, secret, b"Content-Encoding: aes128gcm\0", 16))
    nonce = _derive(salt, secret, b"Content-Encoding: nonce\0", 12)
    header = salt + struct.pack(">IB", RECORD, len(public)) + public
    return header + content.encrypt(nonce, message + b"\x02", None)


def headers(endpoint: str, key: ec.EllipticCurvePrivateKey, subject: str, now_ns: int, urgent: bool) -> dict[str, str]:
    """The headers of the request: who sends it, and how long it is worth delivering."""
    parts = urlsplit(endpoint)
    claims = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": now_ns // SECOND_NS + TOKEN_S, "sub": subject}
    return {
        "Authorization": f"vapid t={_signed(claims, key)}, k={public_text(key)}",
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(LIFE_S),
        "Urgency": "high" if urgent else "normal",
    }


def public_text(key: ec.EllipticCurvePrivateKey) -> str:
    """The public key as browsers take it (`applicationServerKey`)."""
    return _encoded(_point(key.public_key()))


def _signed(claims: dict[str, Any], key: ec.EllipticCurvePrivateKey) -> str:
    """A JWT with ES256 (RFC 7515, RFC 7518)."""
    parts = (msgspec.json.encode({"typ": "JWT", "alg": "ES256"}), msgspec.json.encode(claims))
    text = ".".join(map(_encoded, parts))
    r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(SHA256())))
    return f"{text}.{_encoded(r.to_bytes(32) + s.to_bytes(32))}"


def _derive(salt: bytes, secret: bytes, info: bytes, size: int) -> bytes:
    return HKDF(SHA256(), size, salt, info).derive(secret)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
