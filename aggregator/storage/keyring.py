"""The aggregator's keys, in `keys.json` (mode 0600): they sign commands that open gates. Back the file up."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from common.errors import ListError
from common.secret import write_private
from protocol.signing.trust_anchor import Trust
from protocol.site_lists import KEY_BYTES, NONCE_BYTES

FILE = "keys.json"
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class _Kept(msgspec.Struct, frozen=True):
    signing: str
    master: str


class KeyRing:
    """Signs for all sites; each site's own key is derived from one master key (HKDF-SHA256, RFC 5869).

    Args:
        folder: The data folder.
        random: Makes random bytes.

    Raises:
        ListError: The file is damaged.
    """

    def __init__(self, folder: Path, random: Callable[[int], bytes]) -> None:
        path = folder / FILE
        self._random = random
        try:
            if not path.exists():
                write_private(path, msgspec.json.encode(_Kept(random(KEY_BYTES).hex(), random(KEY_BYTES).hex())))
            kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
            self.signing = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(kept.signing))
            self._master = bytes.fromhex(kept.master)
        except (OSError, ValueError, msgspec.DecodeError) as error:
            raise ListError(f"{path}: cannot be used: {type(error).__name__}; restore it from a backup") from error

    def of_site(self, site: str) -> bytes:
        """Seals the lists of a site, 32 bytes."""
        return self._derived(f"site lists\0{site}")

    def trust(self, site: str) -> Trust:
        """What the site's boxes are given."""
        public = self.signing.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return Trust(site, public.hex(), self.of_site(site).hex())

    def hidden(self, site: str, text: str) -> bytes:
        """A text as it is stored: sealed, so that a copy of the database alone shows no plates."""
        nonce = self._random(NONCE_BYTES)
        return nonce + AESGCM(self._derived("stored")).encrypt(nonce, text.encode(), site.encode())

    def shown(self, site: str, sealed: bytes) -> str:
        """The text again.

        Raises:
            ListError: Not sealed with these keys.
        """
        try:
            key = AESGCM(self._derived("stored"))
            return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], site.encode()).decode()
        except (InvalidTag, ValueError) as error:
            problem = f"{FILE} is missing or is not this database's; restore keys.json from its backup"
            raise ListError(f"what is kept cannot be opened: {problem}", sentence="error.keys") from error

    def ticket(self, use: str, job: str) -> str:
        """The ticket with which a box uploads the result of a job; it is derived, not stored."""
        return hmac.digest(self._derived("tickets"), f"{use}\0{job}".encode(), "sha256").hex()

    def client_id(self, beginning: str) -> str:
        """A secret client id at the broker: a client that connects with it ends the other connection."""
        return f"{beginning}-{hmac.digest(self._derived('client id'), beginning.encode(), 'sha256').hex()[:24]}"

    @property
    def web_push(self) -> EllipticCurvePrivateKey:
        """Signs requests to push services (VAPID). Derived from the master key (FIPS 186-5, A.2.1)."""
        seed = HKDF(SHA256(), 40, None, b"paifang web push").derive(self._master)
        return derive_private_key(int.from_bytes(seed) % (_P256_ORDER - 1) + 1, SECP256R1())

    def digest(self, site: str, kind: str, text: str) -> bytes:
        """Finds an entry by its text, and keeps it from standing there twice."""
        return hmac.digest(self._derived("digest"), f"{site}\0{kind}\0{text}".encode(), "sha256")

    def _derived(self, purpose: str) -> bytes:
        return HKDF(SHA256(), KEY_BYTES, None, f"paifang {purpose}".encode()).derive(self._master)
