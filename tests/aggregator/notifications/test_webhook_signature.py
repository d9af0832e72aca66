"""Signatures of webhooks, checked as a receiver would."""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from aggregator.notifications.webhook_signature import SigningSecret, headers

KEYS = SigningSecret(b"k" * 32, b"s" * 32)
BODY = b'{"a":1}'


def test_the_signature_is_what_the_reference_library_makes() -> None:
    """From `standardwebhooks` 1.1.0: `Webhook(secret).sign("msg_1", 2023-11-14T22:13:20Z, body)`."""
    made = headers("msg_1", 1_700_000_000, BODY, [KEYS])
    assert KEYS.secret_text == "whsec_a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
    assert made["webhook-signature"].split(" ")[0] == "v1,tDnYFrCIK4MQWDoOot4FXQ7/xKQ3Ta7J5hEfw60KmoA="
    assert (made["webhook-id"], made["webhook-timestamp"]) == ("msg_1", "1700000000")


def check(made: dict[str, str], keys: SigningSecret) -> list[str]:
    """The kinds of signatures that are good for these keys."""
    content = f"{made['webhook-id']}.{made['webhook-timestamp']}.".encode() + BODY
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(keys.public_text.removeprefix("whpk_")))
    good = []
    for kind, _, text in (it.partition(",") for it in made["webhook-signature"].split(" ")):
        signature = base64.b64decode(text)
        if kind == "v1" and signature == hmac.new(keys.symmetric, content, hashlib.sha256).digest():
            good.append(kind)
        if kind == "v1a":
            try:
                public.verify(signature, content)
            except Exception:
                continue
            good.append(kind)
    return good


def test_two_secrets_give_two_signatures_of_each_kind_and_no_other_is_good() -> None:
    new = SigningSecret(b"n" * 32, b"m" * 32)
    made = headers("msg_1", 1_700_000_000, BODY, [new, KEYS])
    assert len(made["webhook-signature"].split(" ")) == 4
    assert check(made, new) == check(made, KEYS) == ["v1", "v1a"]
    assert check(made, SigningSecret(b"x" * 32, b"y" * 32)) == []
    assert check(made | {"webhook-timestamp": "1700000001"}, KEYS) == []
    assert check(made | {"webhook-id": "msg_2"}, KEYS) == []
