"""What box and aggregator agree on about clear copies: how long one may be, and how its file is sealed on the way.

    magic 8 bytes | salt 32 bytes | chunks: 64 KiB each, the last one shorter or as long, each with its tag

The file's key is HKDF-SHA-256 (RFC 5869) of the content key with the salt and the release's id, so that a second try
under the same content key has a key of its own, and a file of another release opens nothing. The nonce is the chunk's
number; number and whether it is the last are authenticated too: nothing can be moved, left out or cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from common.clock import SECOND_NS
from common.errors import ContractError

USE = "release"
"""Of uploads and tickets."""
LONGEST_NS = 3600 * SECOND_NS
KEY_BYTES, SALT_BYTES, TAG_BYTES = 32, 32, 16
CHUNK_BYTES = 64 * 1024
MAGIC = b"PFREL\x00\x01\n"
HEAD_BYTES = len(MAGIC) + SALT_BYTES
FILM = "footage.mp4"
MANIFEST = "footage.mp4.manifest.json"
"""What is inside: a stored ZIP of these two."""


@dataclass(frozen=True)
class Secrets:
    """What a box needs to make and to upload a clear copy; sent encrypted by `protocol.signing.upload_tokens`.

    Attributes:
        ticket: Lets its upload in.
        key: Seals its file, 32 bytes.
    """

    ticket: str
    key: bytes

    def __repr__(self) -> str:
        return "Secrets()"

    def text(self) -> str:
        """As it is sealed."""
        return f"{self.ticket}.{self.key.hex()}"

    @staticmethod
    def parse(text: str) -> Secrets:
        """From the text.

        Raises:
            ContractError: Not such a text.
        """
        ticket, _, digits = text.partition(".")
        try:
            key = bytes.fromhex(digits)
        except ValueError:
            key = b""
        if not ticket or len(key) != KEY_BYTES:
            raise ContractError("release: what came sealed is no ticket with a key")
        return Secrets(ticket, key)


class Writable(Protocol):
    """Where sealed bytes go."""

    def write(self, data: bytes) -> int:
        """Take them all."""


def opened_bytes(sealed_bytes: int) -> int:
    """How long the plain file is.

    >>> opened_bytes(HEAD_BYTES + TAG_BYTES + 5)
    5
    """
    body = max(0, sealed_bytes - HEAD_BYTES)
    return max(0, body - -(-body // (CHUNK_BYTES + TAG_BYTES)) * TAG_BYTES)


class ChunkedEncryptor:
    """Takes plain bytes, writes sealed ones; holds one chunk at most. Call `finish` at the end.

    Args:
        key: The content key, 32 bytes.
        job: The release's id.
        target: Gets the sealed bytes.
        random: Gives random bytes.
    """

    def __init__(self, key: bytes, job: str, target: Writable, random: Callable[[int], bytes]) -> None:
        salt = random(SALT_BYTES)
        self._chunks, self._target, self._rest = _Chunks(key, salt, job), target, bytearray()
        target.write(MAGIC + salt)

    def write(self, data: bytes) -> int:
        """Take some."""
        self._rest += data
        while len(self._rest) > CHUNK_BYTES:
            self._target.write(self._chunks.seal(bytes(self._rest[:CHUNK_BYTES]), last=False))
            del self._rest[:CHUNK_BYTES]
        return len(data)

    def flush(self) -> None:
        """Nothing: a chunk goes out when it is full."""

    def finish(self) -> None:
        """Write the last chunk."""
        self._target.write(self._chunks.seal(bytes(self._rest), last=True))
        self._rest.clear()


class ChunkedDecryptor:
    """Takes sealed bytes as they come, gives plain ones.

    Args:
        key: The content key, 32 bytes.
        job: The release's id.
    """

    def __init__(self, key: bytes, job: str) -> None:
        self._key, self._job = key, job
        self._chunks: _Chunks | None = None
        self._rest = bytearray()

    def add(self, data: bytes) -> Iterator[bytes]:
        """The plain chunks that are complete now.

        Raises:
            ContractError: Not such a file, changed, or of another release.
        """
        self._rest += data
        if self._chunks is None and len(self._rest) >= HEAD_BYTES:
            if not self._rest.startswith(MAGIC):
                raise ContractError("release: not a sealed copy")
            self._chunks = _Chunks(self._key, bytes(self._rest[len(MAGIC) : HEAD_BYTES]), self._job)
            del self._rest[:HEAD_BYTES]
        while self._chunks is not None and len(self._rest) > CHUNK_BYTES + TAG_BYTES:
            piece = bytes(self._rest[: CHUNK_BYTES + TAG_BYTES])
            del self._rest[: CHUNK_BYTES + TAG_BYTES]
            yield self._chunks.unseal(piece, last=False)

    def finish(self) -> bytes:
        """The last chunk.

        Raises:
            ContractError: The file was cut off or changed.
        """
        if self._chunks is None:
            raise ContractError("release: the sealed copy is cut off")
        return self._chunks.unseal(bytes(self._rest), last=True)


class _Chunks:
    """Seals or opens chunk after chunk under one file's key."""

    def __init__(self, key: bytes, salt: bytes, job: str) -> None:
        derive = HKDF(SHA256(), KEY_BYTES, salt, b"paifang release 1\0" + job.encode())
        self._aes, self._number = AESGCM(derive.derive(key)), 0

    def seal(self, plain: bytes, *, last: bool) -> bytes:
        return self._aes.encrypt(*self._next(plain, last))

    def unseal(self, sealed: bytes, *, last: bool) -> bytes:
        try:
            return self._aes.decrypt(*self._next(sealed, last))
        except InvalidTag as error:
            raise ContractError(f"release: chunk {self._number} does not authenticate") from error

    def _next(self, data: bytes, last: bool) -> tuple[bytes, bytes, bytes]:
        nonce = self._number.to_bytes(12, "big")
        self._number += 1
        return nonce, data, nonce + bytes([last])
