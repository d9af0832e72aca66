"""What an export says of itself, signed by the box (Ed25519, RFC 8032), and how anybody checks it offline."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from common.errors import FootageError
from common.secret import write_private
from edge.media.redaction_statistics import Counts, UsedModel


class KeptSegment(msgspec.Struct, frozen=True, kw_only=True):
    """One segment that the export was made from; `sha256` is of its plain MP4, clear as the camera sent it."""

    id: str
    from_: str = msgspec.field(name="from")
    to: str
    sha256: str
    wall_ns: int
    mono_ns: int


class MissingStretch(msgspec.Struct, frozen=True, kw_only=True):
    """A gap inside the range."""

    from_: str = msgspec.field(name="from")
    to: str
    seconds: float
    cause: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The manifest of one export.

    Attributes:
        file: Name of the exported file.
        sha256: Its hash.
        bytes: Its length.
        camera: The camera's id.
        from_: When the first picture of the film was recorded, RFC 3339: a film begins with the key frame before what
            was asked for, or where the footage begins.
        to: Where the film ends.
        asked_from: Start of what was asked for; empty in manifests of before.
        asked_to: Its end.
        redaction: How it was covered.
        sound: Whether the sound was copied.
        models: With what.
        counts: What happened while it was covered: black frames, failed searches.
        segments: What it was made from. Each names the wall and the monotonic clock at its start: their difference is
            the clock's offset, and it changes where the clock was set.
        gaps: What is missing in it.
        who: Who exported.
        why: Why.
        case: Under which reference.
        made: When, RFC 3339.
    """

    file: str
    sha256: str
    bytes: int
    camera: str
    from_: str = msgspec.field(name="from")
    to: str
    redaction: str
    models: list[UsedModel]
    counts: Counts
    segments: list[KeptSegment]
    gaps: list[MissingStretch]
    who: str
    why: str
    case: str
    made: str
    sound: bool = False
    asked_from: str = ""
    asked_to: str = ""


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """The manifest's file: the manifest as the exact text that was signed, the signature and the box's public key."""

    manifest: str
    signature: str
    public_key: str


_NUMBER = re.compile(r"[0-9a-f]{32}")
_SIGNED, _MANIFEST = msgspec.json.Decoder(Signed), msgspec.json.Decoder(Manifest)


def signing_key(path: Path) -> Ed25519PrivateKey:
    """The box's signing key; made on first use, mode 0600.

    Raises:
        FootageError: The file is no key, or others can read it.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, Ed25519PrivateKey.generate().private_bytes_raw())
    if path.stat().st_mode & 0o077:
        raise FootageError(f"{path}: others can read the signing key; chmod 600 it")
    try:
        return Ed25519PrivateKey.from_private_bytes(path.read_bytes())
    except ValueError as error:
        raise FootageError(f"{path}: not a signing key") from error


class ManifestCache:
    """The newest manifests' files, by number.

    Args:
        folder: Where they lie; made at the first.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, number: str, manifest: bytes, most: int) -> None:
        """Keep one more, of `most`.

        Args:
            number: 32 hexadecimal digits.
            manifest: Its file.
            most: The oldest beyond these go.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        by_age = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        for old in by_age[: max(0, len(by_age) - most + 1)]:
            old.unlink(missing_ok=True)
        write_private(self._folder / number, manifest)

    def get(self, number: str) -> bytes | None:
        """One of them; None: it is not there, or that is no number."""
        path = self._folder / number
        return path.read_bytes() if _NUMBER.fullmatch(number) and path.is_file() else None


def sign(manifest: msgspec.Struct, key: Ed25519PrivateKey) -> bytes:
    """A manifest's file."""
    text = msgspec.json.encode(manifest)
    signed = Signed(
        manifest=text.decode(),
        signature=key.sign(text).hex(),
        public_key=key.public_key().public_bytes_raw().hex(),
    )
    return msgspec.json.format(msgspec.json.encode(signed), indent=1)


def verify(file: Path, manifest_file: Path, trusted_key: str | None) -> Manifest:
    """Check an export against its manifest.

    Args:
        file: The exported MP4.
        manifest_file: Its manifest.
        trusted_key: The box's public key, hexadecimal, had from the operator; None: only that the two belong together.

    Raises:
        FootageError: Not a manifest, another box's, changed, or of another file.
    """
    text = opened(manifest_file, trusted_key)
    try:
        manifest = _MANIFEST.decode(text)
    except msgspec.DecodeError as error:
        raise FootageError(f"{manifest_file}: not a manifest: {error}") from error
    check_file(file, manifest.sha256)
    return manifest


def opened(manifest_file: Path, trusted_key: str | None) -> str:
    """The text of a manifest whose signature holds.

    Raises:
        FootageError: Not a manifest, another box's, or changed.
    """
    try:
        signed = _SIGNED.decode(manifest_file.read_bytes())
        public, signature = bytes.fromhex(signed.public_key), bytes.fromhex(signed.signature)
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed.manifest.encode())
    except InvalidSignature as error:
        raise FootageError(f"{manifest_file}: the signature is wrong: the manifest was changed") from error
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise FootageError(f"{manifest_file}: not a manifest: {error}") from error
    except OSError as error:
        raise FootageError(f"{manifest_file}: cannot be read: {error.strerror}") from error
    if trusted_key is not None and trusted_key.strip().lower() != signed.public_key:
        raise FootageError(f"{manifest_file}: signed by another box than the one whose key was given")
    return signed.manifest


def check_file(file: Path, sha256: str) -> None:
    """Compare a file with what its manifest promises.

    Raises:
        FootageError: It differs, or cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with file.open("rb") as source:
            while piece := source.read(1 << 20):
                digest.update(piece)
    except OSError as error:
        raise FootageError(f"{file}: cannot be read: {error.strerror}") from error
    if digest.hexdigest() != sha256:
        raise FootageError(f"{file}: its bytes are not the ones that were exported")
