"""Daily pseudonyms: what leaves the box instead of a credential or a registered vehicle's plate.

A pseudonym is HMAC-SHA-256 under a key that this box made and that it replaces whenever the UTC day is another one
than the key's, forwards or backwards: a clock that was set back gets a new key, never an old one. The key's file is
overwritten before it is replaced. Two passages pair within a day and a box, and nowhere else.

Crash procedure: nothing to repair. A file that is not a whole key counts as none, and a new key is made.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from common import logging_setup
from common.clock import SECOND_NS, Clock
from common.secret import write_private

Domain = Literal["credential", "vehicle"]
FILE = "pseudonym.key"
KEY_BYTES = 32
HEX_DIGITS = 32
_DAY_NS = 86_400 * SECOND_NS


class DailyPseudonyms:
    """Makes pseudonyms; thread-safe. Call it: `pseudonyms("credential", text)`.

    A disk that does not take a new key is logged; the key then lives in memory only, and a restart makes another.

    Args:
        folder: Of the key's file; must be there.
        clock: Its wall clock says which UTC day it is.
        random: Gives that many random bytes.
    """

    def __init__(self, folder: Path, clock: Clock, random: Callable[[int], bytes]) -> None:
        self._path, self._clock, self._random = folder / FILE, clock, random
        self._lock = threading.Lock()
        self._day, self._key = _read(self._path)

    def __call__(self, domain: Domain, text: str) -> str:
        """The pseudonym of `text` today: 32 lower-case hexadecimal digits.

        Args:
            domain: What `text` is; the same text in another domain has another pseudonym.
            text: Normalised; it is neither kept nor shown.
        """
        with self._lock:
            today = self._clock.wall_ns() // _DAY_NS
            if self._key is None or today != self._day:
                self._key = self._replace(today)
            digest = hmac.new(self._key, f"{domain}\0{text}".encode(), hashlib.sha256).hexdigest()
        return digest[:HEX_DIGITS]

    def _replace(self, today: int) -> bytes:
        """A new key for `today`; what was there before is destroyed first."""
        key = self._random(KEY_BYTES)
        self._day = today
        try:
            _destroy(self._path, self._random)
            write_private(self._path, f"{today}\n{key.hex()}\n".encode())
        except OSError as error:
            logging_setup.get("pseudonyms").error("today's key is kept in memory only", error=str(error))
        return key


def _read(path: Path) -> tuple[int, bytes | None]:
    """Day and key of a whole file; (0, None) where there is none."""
    try:
        day, key = path.read_text(encoding="ascii").split()
        if len(bytes.fromhex(key)) == KEY_BYTES:
            return int(day), bytes.fromhex(key)
    except (OSError, ValueError):  # ValueError is also what is not ASCII, or not two words
        pass
    return 0, None


def _destroy(path: Path, random: Callable[[int], bytes]) -> None:
    """Overwrite the file in place, to disk: the old key must not be found in free blocks, as far as we can help it."""
    try:
        handle = os.open(path, os.O_WRONLY)
    except FileNotFoundError:
        return
    try:
        os.pwrite(handle, random(os.fstat(handle).st_size), 0)
        os.fsync(handle)
    finally:
        os.close(handle)
