"""Web Push against the worked example of RFC 8291, and the header of RFC 8292."""

from __future__ import annotations

import base64

import msgspec
import pytest
from agg_support import START_NS
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from aggregator.notifications import web_push
from aggregator.notifications.web_push import Subscription
from common.clock import SECOND_NS
from common.errors import NotificationError

# RFC 8291, appendix A
PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SENDER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)
THERE = Subscription(endpoint="https://push.example/abc", p256dh=PUBLIC, auth=AUTH)


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_example_of_the_standard() -> None:
    key = ec.derive_private_key(int.from_bytes(raw(SENDER)), ec.SECP256R1())
    message = b"When I grow up, I want to be a watermelon"
    assert web_push.encrypt(THERE, message, key, raw(SALT)) == raw(BODY)


def test_the_request_is_signed_for_the_push_service() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    headers = web_push.headers(THERE.endpoint, key, "https://gate.example", START_NS, True)
    token = headers["Authorization"].removeprefix("vapid t=").partition(",")[0]
    head, claims, signature = token.split(".")
    assert msgspec.json.decode(raw(claims)) == {
        "aud": "https://push.example", "exp": START_NS // SECOND_NS + 12 * 3600, "sub": "https://gate.example",
    }  # fmt: skip
    both = raw(signature)
    der = encode_dss_signature(int.from_bytes(both[:32]), int.from_bytes(both[32:]))
    key.public_key().verify(der, f"{head}.{claims}".encode(), ec.ECDSA(SHA256()))
    assert headers["Authorization"].endswith(f"k={web_push.public_text(key)}")
    assert (headers["Urgency"], headers["Content-Encoding"]) == ("high", "aes128gcm")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"endpoint": "file:///etc/passwd"}, "endpoint"), ({"endpoint": "https://x/" + "a" * 1_000}, "endpoint"),
        ({"p256dh": "AAAA"}, "p256dh"), ({"p256dh": "\u724c"}, "p256dh"), ({"auth": "AAAA"}, "auth"),
    ],
)  # fmt: skip
def test_a_subscription_that_cannot_be_used_is_refused_with_its_field(change: dict[str, str], field: str) -> None:
    web_push.check(THERE)
    with pytest.raises(NotificationError, match=f"^{field}: "):
        web_push.check(msgspec.structs.replace(THERE, **change))
