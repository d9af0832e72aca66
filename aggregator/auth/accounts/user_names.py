"""Names of users, in any script.

A name has 1 to 64 letters, digits and `_ . - ·`, normalised to NFC (Unicode Standard Annex 15). Case counts at the
log-in, but two names that differ only in case cannot both exist. Refused are characters that cannot be seen (controls,
format characters, default-ignorable letters such as Hangul fillers, variation selectors), compatibility forms such as
full-width letters (NFKC would change them), and mixtures of scripts whose letters look alike, after the restriction
level "highly restrictive" of Unicode Technical Standard 39: Latin with Han, Hiragana, Katakana, Hangul or Bopomofo may
stand together, any other two scripts may not.
"""

from __future__ import annotations

import unicodedata

from common.errors import LoginError
from protocol.identifiers import NAME

SYSTEM = "system"
"""Who does what is done at the aggregator's own machine."""
MOST_CHARACTERS = 64
MOST_MARKS = 2
"""Combining marks on one letter: more hide what stands below them."""
_SIGNS = frozenset("_.-·")
_INVISIBLE = frozenset(map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0x180B, 0x1810))))
_SELECTORS = ((0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
_TOGETHER = frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC"})


def check_user(name: str) -> str:
    """A user's name as it is kept: NFC.

    Raises:
        LoginError: It has wrong characters, or is reserved; says which.

    >>> check_user("王小明"), check_user("阿依努尔·艾力")
    ('王小明', '阿依努尔·艾力')
    """
    written = unicodedata.normalize("NFC", name)
    if key_of(written) == SYSTEM:
        raise _wrong("reserved", f"must not be '{SYSTEM}'")
    if NAME.fullmatch(written):
        return written
    if not 1 <= len(written) <= MOST_CHARACTERS:
        raise _wrong("length", f"must have 1 to {MOST_CHARACTERS} characters")
    if not all(_may_stand(it) for it in written) or unicodedata.category(written[0]).startswith("M"):
        raise _wrong("characters", "must be letters and digits of any script, '_', '.', '-' or '·'")
    if _marks(written) > MOST_MARKS:
        raise _wrong("characters", f"must have at most {MOST_MARKS} marks on one letter")
    if unicodedata.normalize("NFKC", written) != written:
        raise _wrong("forms", "must be written in plain forms, not in full-width or other compatibility forms")
    scripts = {script for it in written if (script := _script(it))}
    if len(scripts) > 1 and not scripts <= _TOGETHER:
        raise _wrong("scripts", "mixes scripts whose letters look alike; use one script")
    return written


def key_of(name: str) -> str:
    """What two names have in common that people cannot tell apart: case folded, compatibility forms replaced."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _wrong(code: str, problem: str) -> LoginError:
    return LoginError(f"name: {problem}", sentence=f"error.name.{code}", field="user", most=MOST_CHARACTERS)


def _may_stand(char: str) -> bool:
    if char in _INVISIBLE or any(low <= ord(char) <= high for low, high in _SELECTORS):
        return False
    return char in _SIGNS or unicodedata.category(char) in ("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd")


def _marks(name: str) -> int:
    """The longest run of combining marks, of the decomposed name."""
    longest = run = 0
    for char in unicodedata.normalize("NFD", name):
        run = run + 1 if unicodedata.category(char) == "Mn" else 0
        longest = max(longest, run)
    return longest


def _script(char: str) -> str:
    """A letter's script by the first word of its name, which is enough to tell scripts apart; empty for the others."""
    return unicodedata.name(char, "UNNAMED").split(" ")[0] if unicodedata.category(char).startswith("L") else ""
