"""What the box makes of a credential: a decision, an entry of the site's list, and the pseudonym that leaves the box.

It decides where the controller leaves it to the box, and always says where a credential is revoked.

The file of allowed credentials belongs to one door or to several. Its first line is `key` and 64 hexadecimal digits,
every other line the HMAC-SHA-256 of a normalised credential under that key, with `duress` behind it where it is a
duress code. That keeps card numbers from being read in passing; it does not keep them from somebody who has the file
and tries all numbers, so the file has mode 0600.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from common import logging_setup, text_file
from common.errors import DoorRefused
from common.secret import Secret, write_private
from edge.access.doors.door_signals import CredentialPresented, normal, told_reason
from edge.access.doors.door_state_machine import CredentialDecision
from edge.access.site_lists.matching import SiteList

Pseudonym = Callable[[Literal["credential", "vehicle"], str], str]
Allows = Literal["no", "yes", "duress"]
KEY_BYTES = 32


class Allowlist:
    """The credentials that a door lets in, read again whenever the file has changed.

    A file that cannot be read lets nobody in: the door keeps its last safe state, which is locked.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._key, self._entries = b"", dict[str, Allows]()

    def check(self, credential: Secret) -> Allows:
        """Whether a credential is in the file, and as what."""
        self._read_again()
        return self._entries.get(_digest(self._key, credential), "no") if self._key else "no"

    def add(self, credentials: Iterable[Secret], duress: bool, random: Callable[[int], bytes]) -> int:
        """Write the file anew with more credentials; returns how many were new.

        Raises:
            DoorRefused: There is a file, and it is not one of these.
        """
        if self._path.exists():
            self._key, self._entries = _parse(self._path)
        self._key = self._key or random(KEY_BYTES)
        before = len(self._entries)
        self._entries |= {_digest(self._key, it): "duress" if duress else "yes" for it in credentials}
        lines = [f"{digest} duress" if what == "duress" else digest for digest, what in sorted(self._entries.items())]
        write_private(self._path, "\n".join([f"key {self._key.hex()}", *lines, ""]).encode())
        return len(self._entries) - before

    def _read_again(self) -> None:
        try:
            found = self._path.stat()
            if (found.st_mtime_ns, found.st_ino) != self._seen:
                self._seen = found.st_mtime_ns, found.st_ino
                self._key, self._entries = _parse(self._path)
        except (OSError, DoorRefused) as error:
            self._key, self._entries = b"", {}
            logging_setup.get("doors").error(
                "nobody is let in: the allowed credentials cannot be read", error=str(error)
            )


def _parse(path: Path) -> tuple[bytes, dict[str, Allows]]:
    try:
        lines = text_file.read(path).splitlines()
        word, key_hex = lines[0].split()
        key = bytes.fromhex(key_hex)
        if word != "key" or len(key) != KEY_BYTES:
            raise ValueError
        rows = [line.split() for line in lines[1:] if line.strip()]
        if any(row[1:] not in ([], ["duress"]) or len(bytes.fromhex(row[0])) != 32 for row in rows):
            raise ValueError
    except (ValueError, IndexError) as error:
        raise DoorRefused(f"{path}: not a file of allowed credentials; make one with: paifang doors allow") from error
    return key, {row[0]: "duress" if row[1:] else "yes" for row in rows}


def _digest(key: bytes, credential: Secret) -> str:
    return hmac.new(key, normal(credential.reveal()).encode(), hashlib.sha256).hexdigest()


class CredentialPolicy:
    """Looks at every credential once; after it only pseudonyms are left.

    Args:
        pseudonym: See `edge.access.pseudonyms`.
        revoked: The site's revoked and lost credentials; None: there is no list.
    """

    def __init__(self, pseudonym: Pseudonym, revoked: SiteList | None) -> None:
        self._pseudonym, self._revoked = pseudonym, revoked

    def judge(self, card: CredentialPresented, allowed: Allowlist | None, wall_ns: int) -> CredentialDecision:
        """What the door's state machine hears, and what leaves the box.

        Args:
            card: What the controller said.
            allowed: The door's own list, where the box decides.
            wall_ns: Now, UTC nanoseconds.
        """
        if card.credential is None:
            verdict = "denied" if card.verdict == "shown" else card.verdict
            return CredentialDecision(verdict, None, told_reason(card.reason))
        text = normal(card.credential.reveal())
        credential = self._pseudonym("credential", text)
        match = self._revoked.find(text, wall_ns) if self._revoked is not None else None
        revoked = match is not None and match.standing == "revoked" and match.valid
        reason = f"revoked:{match.entry}" if match is not None and revoked else told_reason(card.reason)
        if card.verdict != "shown":
            return CredentialDecision(card.verdict, credential, reason)
        allows = allowed.check(card.credential) if allowed is not None else "no"
        if revoked or allows == "no":
            return CredentialDecision("denied", credential, reason or "unknown")
        return CredentialDecision("duress" if allows == "duress" else "granted", credential, reason)
