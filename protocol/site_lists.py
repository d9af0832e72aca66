"""The site's lists on their way to its boxes: signed, sealed, versioned (issue "The gate and the doors").

The broker keeps the message, so it is encrypted for the site's boxes: AES-256-GCM under a key of the site, around
deflated JSON. The version grows with every change; a box refuses one that is not newer than its own.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.decoding import JsonDecoder
from common.errors import ContractError
from protocol.event_types import Name
from protocol.identifiers import check_name
from protocol.signing import signed_messages
from protocol.topics import ROOT

NONCE_BYTES = 12
KEY_BYTES = 32
MAX_PLAIN_BYTES = 16_000_000
Standing = Literal["registered", "visitor", "barred"]
Version = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
EntryTime = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""UTC nanoseconds; what is longer does not fit into a file or a database."""


class ListedVehicle(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A plate on the list. Times are UTC nanoseconds; None is without limit."""

    id: Name
    plate: str
    standing: Standing
    from_ns: EntryTime | None = None
    until_ns: EntryTime | None = None


class RevokedCredential(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A lost or revoked card, as its reader gives it."""

    id: Name
    credential: str
    from_ns: EntryTime | None = None
    until_ns: EntryTime | None = None


class SiteLists(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a site's boxes compare with."""

    site: Name
    version: Version
    vehicles: tuple[ListedVehicle, ...] = ()
    credentials: tuple[RevokedCredential, ...] = ()
    grammars: tuple[str, ...] = ()


_DECODER = JsonDecoder(SiteLists, "lists")


def topic(site: str) -> str:
    """Where a site's lists are retained.

    >>> topic("village")
    'paifang/v1/village/lists'
    """
    return f"{ROOT}/{check_name(site, 'site')}/lists"


def pack(lists: SiteLists, signing: Ed25519PrivateKey, key: bytes, random: Callable[[int], bytes]) -> bytes:
    """The message.

    Args:
        lists: What to send.
        signing: The aggregator's key.
        key: The site's, 32 bytes.
        random: Gives random bytes.

    Raises:
        ContractError: It is too long for one message.
    """
    nonce = random(NONCE_BYTES)
    where = topic(lists.site)
    sealed = AESGCM(key).encrypt(nonce, zlib.compress(msgspec.json.encode(lists)), where.encode())
    return signed_messages.sign(signing, where, nonce + sealed)


def unpack(message: bytes, site: str, trusted: Ed25519PublicKey, key: bytes) -> SiteLists:
    """The lists in a message.

    Raises:
        ContractError: Malformed, not by this site's aggregator, or sealed for another site.
    """
    body = signed_messages.verify(trusted, topic(site), message)
    try:
        plain = AESGCM(key).decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], topic(site).encode())
        inflated = zlib.decompressobj()
        text = inflated.decompress(plain, MAX_PLAIN_BYTES)
        if inflated.unconsumed_tail:
            raise ContractError(f"lists: more than {MAX_PLAIN_BYTES} bytes")
        lists = _DECODER.decode(text)
    except InvalidTag as error:
        raise ContractError("lists: sealed with another site's key; fetch the trust file again") from error
    except (zlib.error, ValueError) as error:
        raise ContractError(f"lists: malformed: {type(error).__name__}") from error
    if lists.site != site:
        raise ContractError(f"lists: for site '{lists.site}', this is '{site}'")
    return lists
