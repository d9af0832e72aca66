"""Recovery codes: ten texts, each good for one log-in instead of a code of the second factor; only hashes are kept."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable

COUNT = 10
BYTES = 10
"""80 random bits: a plain SHA-256 of them cannot be tried out, as with tokens."""
_FORM = re.compile(r"[A-Z2-7]{16}")


def make(random: Callable[[int], bytes]) -> list[str]:
    """New codes, such as `ABCD-EFGH-IJKL-MNOP`.

    Args:
        random: Makes so many random bytes.
    """
    texts = [base64.b32encode(random(BYTES)).decode() for _ in range(COUNT)]
    return ["-".join(text[at : at + 4] for at in range(0, 16, 4)) for text in texts]


def hash_of(code: str) -> str | None:
    """What is kept of a code; None: this is none. Case, spaces and hyphens do not count.

    >>> hash_of("abcd efgh-ijklmnop") == hash_of("ABCD-EFGH-IJKL-MNOP"), hash_of("123456")
    (True, None)
    """
    plain = re.sub(r"[\s\-]", "", code).upper()
    return hashlib.sha256(plain.encode()).hexdigest() if _FORM.fullmatch(plain) else None
