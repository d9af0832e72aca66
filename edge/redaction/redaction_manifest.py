"""The signed manifest of a redacted copy: its original, the models, and redaction statistics."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.decoding import JsonDecoder
from common.errors import ContractError, FootageError, RedactionError
from edge.media.redaction_statistics import Counts, UsedModel
from edge.media.signed_manifest import check_file, opened, sign


class Derivation(msgspec.Struct, frozen=True, kw_only=True):
    """The manifest of one redacted copy.

    Attributes:
        file: The copy's name.
        sha256: Its hash.
        bytes: Its length.
        original: Hash of the file that it was made from.
        original_bytes: Its length.
        redaction: Description of the redaction.
        models: The models used.
        sound: Whether the sound was copied.
        counts: Redaction statistics.
        made: When, RFC 3339.
    """

    file: str
    sha256: str
    bytes: int
    original: str
    original_bytes: int
    redaction: str
    models: list[UsedModel]
    sound: bool
    counts: Counts
    made: str


_DERIVATION = JsonDecoder(Derivation)


def manifest_path(file: Path) -> Path:
    """Path of a file's manifest."""
    return file.with_name(file.name + ".manifest.json")


def hash_of(file: Path) -> tuple[str, int]:
    """SHA-256 and length.

    Raises:
        RedactionError: It cannot be read.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with file.open("rb") as source:
            while piece := source.read(1 << 20):
                digest.update(piece)
                size += len(piece)
    except OSError as error:
        raise RedactionError(f"{file}: cannot be read: {error.strerror}") from error
    return digest.hexdigest(), size


def write(manifest: Derivation, copy: Path, key: Ed25519PrivateKey) -> Path:
    """Write the signed manifest next to the copy.

    Raises:
        RedactionError: It cannot be written.
    """
    path = manifest_path(copy)
    try:
        path.write_bytes(sign(manifest, key))
    except OSError as error:
        raise RedactionError(f"{path}: cannot be written: {error.strerror}") from error
    return path


def verify(original: Path, copy: Path, trusted_key: str | None) -> Derivation:
    """Check that a copy is the one that was made from an original.

    Args:
        original: The unredacted file.
        copy: The redacted file, with its manifest next to it.
        trusted_key: The signer's public key, hexadecimal; None: only that the three belong together.

    Raises:
        FootageError: Not a manifest, another signer's, changed, or of other files.
    """
    manifest = derivation(manifest_path(copy), trusted_key)
    check_file(copy, manifest.sha256)
    if hash_of(original)[0] != manifest.original:
        raise FootageError(f"{original}: its bytes are not the ones that {copy.name} was made from")
    return manifest


def derivation(path: Path, trusted_key: str | None) -> Derivation:
    """Read a manifest; its signature holds.

    Raises:
        FootageError: Not a manifest of a covered copy, another signer's, or changed.
    """
    try:
        return _DERIVATION.decode(opened(path, trusted_key))
    except ContractError as error:
        raise FootageError(f"{path}: not a manifest of a covered copy: {error}") from error
