"""Tickets: they let a box upload the result of one job to the aggregator over HTTP.

A ticket travels inside a signed command, sealed for the site: who listens at the broker cannot use it.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from common.errors import ContractError
from protocol.site_lists import KEY_BYTES, NONCE_BYTES

SCHEME = "Ticket"
"""Of the `Authorization` header."""
OFFSET, LENGTH, DIGEST = "Upload-Offset", "Upload-Length", "Upload-Digest"
"""Headers of an upload: where a piece begins, how long the whole is, and its SHA-256 in hexadecimal."""
PIECE_BYTES = 1024 * 1024


def upload_path(use: str, job: str) -> str:
    """The path of an upload: HEAD returns the offset, PATCH appends a piece."""
    return f"/box/uploads/{use}/{job}"


def live_path(job: str) -> str:
    """The WebSocket that a box sends a live view to."""
    return f"/box/live/{job}"


def seal(site_key: bytes, job: str, ticket: str, random: Callable[[int], bytes]) -> str:
    """A ticket as it stands in a command.

    Args:
        site_key: The site's, 32 bytes.
        job: What it is good for; sealed for another job it does not open.
        ticket: The secret.
        random: Gives random bytes.
    """
    nonce = random(NONCE_BYTES)
    return (nonce + AESGCM(_key(site_key)).encrypt(nonce, ticket.encode(), job.encode())).hex()


def unseal(site_key: bytes, job: str, sealed: str) -> str:
    """The ticket again.

    Raises:
        ContractError: Not sealed for this site and job.
    """
    try:
        data = binascii.unhexlify(sealed)
        return AESGCM(_key(site_key)).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], job.encode()).decode()
    except (binascii.Error, InvalidTag, ValueError) as error:
        raise ContractError("ticket: not sealed for this site and job") from error


def _key(site_key: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, None, b"paifang tickets").derive(site_key)
