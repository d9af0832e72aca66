"""What a box is given once, by hand, so that it can believe its aggregator: the trust file."""

from __future__ import annotations

import binascii
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from common import text_file
from common.decoding import decode_json
from common.errors import ContractError, SettingsError
from common.secret import write_private
from protocol.event_types import Name
from protocol.site_lists import KEY_BYTES


class Trust(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`paifang aggregator trust SITE` makes it. The list key is secret: the file is for the site's boxes only.

    Attributes:
        site: The site's id.
        public_key: The aggregator's Ed25519 key, hexadecimal.
        list_key: Opens the site's lists, 32 bytes, hexadecimal.
    """

    site: Name
    public_key: str
    list_key: str

    def __post_init__(self) -> None:
        for name in ("public_key", "list_key"):
            try:
                fits = len(binascii.unhexlify(getattr(self, name))) == KEY_BYTES
            except (binascii.Error, ValueError):
                fits = False
            if not fits:
                raise ValueError(f"{name} must be {2 * KEY_BYTES} hexadecimal digits")

    def __repr__(self) -> str:
        return f"Trust(site={self.site!r})"

    @property
    def aggregator(self) -> Ed25519PublicKey:
        """Whose signature counts."""
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.public_key))

    @property
    def sealing(self) -> bytes:
        """Opens the lists."""
        return bytes.fromhex(self.list_key)

    def write(self, path: Path) -> None:
        """Write it so that only this user can read it."""
        write_private(path, msgspec.json.encode(self))


def load(path: Path, site: str) -> Trust:
    """Read a trust file.

    Raises:
        SettingsError: It is not there, damaged, or another site's.
    """
    try:
        trust = decode_json(text_file.read(path).encode(), Trust)
    except OSError as error:
        raise SettingsError(str(path), "trust_file", f"cannot be read: {error.strerror}") from error
    except (ContractError, UnicodeDecodeError) as error:
        raise SettingsError(str(path), "trust_file", f"is no trust file: {error}") from error
    if trust.site != site:
        raise SettingsError(str(path), "trust_file", f"is for site '{trust.site}'; this box is of '{site}'")
    return trust
