"""Decisions about credentials: the verdict, the matching list entry, and the pseudonym that leaves the box.

The box decides where the controller does not, and always reports a revoked credential.

The file of allowed credentials belongs to one door or to several. Its first line is `key` and 64 hexadecimal digits,
every other line the HMAC-SHA-256 of a normalised credential under that key, with `duress` behind it where it is a
duress code. The digests hide card numbers from a reader of the file; they do not protect against somebody who has the
file and tries all numbers, so the file has mode 0600.
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
from edge.access.doors.door_signals import CredentialPresented, normal, standard_reason
from edge.access.doors.door_state_machine import CredentialDecision
from edge.access.site_lists.matching import SiteList

Pseudonym = Callable[[Literal["credential", "vehicle"], str], str]
Allows = Literal["no", "yes", "duress"]
KEY_BYTES = 32


class Allowlist:
    """The credentials that a door accepts; reloaded whenever the file has changed.

    Without a readable file no credential is accepted: the door stays locked, its safe state.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file_version: tuple[int, int] | None = None
        self._key, self._entries = b"", dict[str, Allows]()

    def check(self, credential: Secret) -> Allows:
        """Whether a credential is allowed, and whether it is a duress code."""
        self._reload_if_changed()
        return self._entries.get(_digest(self._key, credential), "no") if self._key else "no"

    def add(self, credentials: Iterable[Secret], duress: bool, random: Callable[[int], bytes]) -> int:
        """Write the file anew with more credentials; returns how many were new.

        Raises:
            DoorRefused: The existing file has another format.
        """
        if self._path.exists():
            self._key, self._entries = _parse(self._path)
        self._key = self._key or random(KEY_BYTES)
        before = len(self._entries)
        self._entries |= {_digest(self._key, it): "duress" if duress else "yes" for it in credentials}
        lines = [f"{digest} duress" if what == "duress" else digest for digest, what in sorted(self._entries.items())]
        write_private(self._path, "\n".join([f"key {self._key.hex()}", *lines, ""]).encode())
        return len(self._entries) - before

    def _reload_if_changed(self) -> None:
        try:
            status = self._path.stat()
            if (status.st_mtime_ns, status.st_ino) != self._file_version:
                self._file_version = status.st_mtime_ns, status.st_ino
                self._key, self._entries = _parse(self._path)
        except (OSError, DoorRefused) as error:
            self._key, self._entries = b"", {}
            logging_setup.get("doors").error(
                "no credential is accepted: the file of allowed credentials cannot be read", error=str(error)
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
    """Decides about every credential once; only the pseudonym is passed on.

    Args:
        pseudonym: See `edge.access.pseudonyms`.
        revoked: The site's revoked and lost credentials; None without a list.
    """

    def __init__(self, pseudonym: Pseudonym, revoked: SiteList | None) -> None:
        self._pseudonym, self._revoked = pseudonym, revoked

    def judge(self, presented: CredentialPresented, allowed: Allowlist | None, wall_ns: int) -> CredentialDecision:
        """The decision for the door's state machine, with the pseudonym that leaves the box.

        Args:
            presented: The controller's message.
            allowed: The door's own list, where the box decides.
            wall_ns: Now, UTC nanoseconds.
        """
        if presented.credential is None:
            verdict = "denied" if presented.verdict == "shown" else presented.verdict
            return CredentialDecision(verdict, None, standard_reason(presented.reason))
        text = normal(presented.credential.reveal())
        credential = self._pseudonym("credential", text)
        match = self._revoked.find(text, wall_ns) if self._revoked is not None else None
        revoked = match is not None and match.standing == "revoked" and match.valid
        reason = f"revoked:{match.entry}" if match is not None and revoked else standard_reason(presented.reason)
        if presented.verdict != "shown":
            return CredentialDecision(presented.verdict, credential, reason)
        allows = allowed.check(presented.credential) if allowed is not None else "no"
        if revoked or allows == "no":
            return CredentialDecision("denied", credential, reason or "unknown")
        return CredentialDecision("duress" if allows == "duress" else "granted", credential, reason)
