"""Valid texts of number plates: a pure grammar, shared by the box and the aggregator.

A grammar is a set of shapes; a shape gives, position by position, the characters that may stand there. That one form
serves all uses: checking a text, guiding a reader, and listing the texts that readers confuse with another.

Source of the mainland shapes: GA 36-2018, "Number plates of motor vehicles of the People's Republic of China"
(classification, tables of province characters and of serial rules; no I and no O in a serial), and for the plates that
it leaves out the 2012 series of the armed police and of the army as seen on the road.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Shape = tuple[frozenset[str], ...]

DIGITS = frozenset("0123456789")
LETTERS = frozenset("ABCDEFGHJKLMNPQRSTUVWXYZ")
"""Without I and O."""
PROVINCES = frozenset("京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼")
_SERIAL = DIGITS | LETTERS
_ELECTRIC = frozenset("ABCDEFGHJK")
"""A B C D E: battery; F G H J K: other new energy. D and F were given out first."""
_SEPARATORS = re.compile(r"[\s·・•‧∙●⋅.\-—–_:/]+")
MOST_SHAPES = 64
MOST_VARIANTS = 32


@dataclass(frozen=True)
class Grammar:
    """A family of plates.

    Attributes:
        name: Its key in `GRAMMARS`, or the pattern that it was made from.
        shapes: The forms that its texts may have.
    """

    name: str
    shapes: tuple[Shape, ...]

    def holds(self, text: str) -> bool:
        """Whether a normalised text has one of the forms."""
        return any(_fits(text, shape) for shape in self.shapes)


def _of(*positions: frozenset[str] | str) -> Shape:
    return tuple(frozenset(position) for position in positions)


def _family(name: str, *shapes: Shape) -> tuple[str, Grammar]:
    return name, Grammar(name, shapes)


_PLACE = (PROVINCES, LETTERS)
_FOUR_DIGITS = (DIGITS,) * 4

GRAMMARS: dict[str, Grammar] = dict(
    (
        _family("standard", _of(*_PLACE, *(_SERIAL,) * 5)),
        _family("new-energy", _of(*_PLACE, _ELECTRIC, _SERIAL, *_FOUR_DIGITS)),
        _family("new-energy-large", _of(*_PLACE, *_FOUR_DIGITS, DIGITS, _ELECTRIC)),
        _family("trailer", _of(*_PLACE, *(_SERIAL,) * 4, "挂")),
        _family("learner", _of(*_PLACE, *(_SERIAL,) * 4, "学")),
        _family("police", _of(*_PLACE, *(_SERIAL,) * 4, "警")),
        _family("hong-kong-macao", _of("粤", "Z", *(_SERIAL,) * 4, "港澳")),
        _family("embassy", _of(*(DIGITS,) * 6, "使"), _of("使", *(DIGITS,) * 6)),
        _family("consulate", _of(*_PLACE, *(_SERIAL,) * 4, "领")),
        _family("emergency", _of(PROVINCES, "SX", *_FOUR_DIGITS, "应", "急")),
        _family("armed-police", _of("W", "J", PROVINCES, *_FOUR_DIGITS, DIGITS | frozenset("JBXTHSD"))),
        _family("army", _of("VZKHEBSLJNGC", LETTERS, *(DIGITS,) * 5)),
    )
)
"""Mainland families: blue, black and yellow plates are `standard` (on one line or two)."""

MAINLAND: tuple[Grammar, ...] = tuple(GRAMMARS.values())
EVERYDAY = "mainland"
"""The name that stands for all of `GRAMMARS`."""

CONFUSED = ("0DQO", "8B", "1I", "17", "5S", "2Z", "6G", "CG", "UV", "VY", "MN", "HN", "4A", "3B")
"""Groups that readers mix up, on worn or tilted plates above all."""


def normalise(text: str) -> str:
    """The one way a plate is written: half-width, upper case, without separators.

    >>> normalise("34a-368.37"), normalise("京Ａ·12345 ")
    ('34A36837', '京A12345')
    """
    plain = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text).upper())
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", plain))


def is_plate(text: str, grammars: Sequence[Grammar] = MAINLAND) -> bool:
    """Whether a normalised text is a plate.

    >>> is_plate("京AD12345"), is_plate("京A1234"), is_plate("京AI2345")
    (True, False, False)
    """
    return any(grammar.holds(text) for grammar in grammars)


def example(grammars: Sequence[Grammar]) -> str:
    r"""A text that one of the grammars allows, for a hint beside a field.

    >>> example(MAINLAND), example([from_pattern(r"\d{2}[A-Z]\d{5}")])
    ('京A67890', '67A89012')
    """
    digits, made = itertools.cycle("6789012345"), ""
    for allowed in grammars[0].shapes[0]:
        digit = next(digits) if allowed >= DIGITS else ""
        made += digit or ("京" if "京" in allowed else min(allowed))
    return made


def variants(text: str, grammars: Sequence[Grammar] = MAINLAND, most: int = MOST_VARIANTS) -> tuple[str, ...]:
    """Other plates that a reader may give for this one: one character mixed up first, then two, at most `most`.

    >>> variants("京A7RRRR")
    ('京A1RRRR',)
    """
    found: dict[str, None] = {}
    for changes in (1, 2):
        for other in _mixed_up(text, changes):
            if len(found) >= most:
                return tuple(found)
            if other != text and is_plate(other, grammars):
                found[other] = None
    return tuple(found)


def choose(names: Sequence[str], patterns: Sequence[str] = ()) -> tuple[Grammar, ...]:
    """The grammars of a site.

    Args:
        names: Keys of `GRAMMARS`, or `mainland` for all of them.
        patterns: For other countries, see `from_pattern`.

    Raises:
        ValueError: An unknown name or a pattern that cannot be used; names what to write instead.
    """
    chosen: dict[str, Grammar] = {}
    for name in names:
        if name == EVERYDAY:
            chosen |= GRAMMARS
        elif name in GRAMMARS:
            chosen[name] = GRAMMARS[name]
        else:
            raise ValueError(f"grammar '{name}' is not known; one of: {', '.join((EVERYDAY, *GRAMMARS))}")
    chosen |= {pattern: from_pattern(pattern) for pattern in patterns}
    if not chosen:
        raise ValueError("name at least one grammar or pattern")
    return tuple(chosen.values())


_ATOM = re.compile(r"(\\d|\[[A-Z0-9\-]+\]|[A-Z0-9])(\{\d\}|\{\d,\d\}|\?)?")


def from_pattern(pattern: str) -> Grammar:
    r"""A grammar for other countries' plates, from a small part of the language of regular expressions.

    Allowed: capitals, digits, `\d`, classes such as `[A-HJ-N]`, `{n}`, `{m,n}`, `?`, and `|` between whole forms.

    >>> from_pattern(r"\d{2}[A-Z]\d{5,6}").holds("34A36837")
    True

    Raises:
        ValueError: Anything else stands in it, or it has too many forms.
    """
    shapes = [shape for form in pattern.split("|") for shape in _expand(form, pattern)]
    if len(shapes) > MOST_SHAPES:
        raise ValueError(f"pattern '{pattern}' has more than {MOST_SHAPES} forms; write it more plainly")
    return Grammar(pattern, tuple(shapes))


def _expand(form: str, pattern: str) -> Iterator[Shape]:
    """Every shape of one form, quantifiers written out."""
    if _ATOM.sub("", form) or not form:
        raise ValueError(
            rf"pattern '{pattern}' holds what cannot be used here; write capitals, digits, \d, [A-Z], {{n}}, {{m,n}}, ?"
        )
    runs = [[(_class(atom),) * count for count in _counts(times)] for atom, times in _ATOM.findall(form)]
    for picked in itertools.islice(itertools.product(*runs), MOST_SHAPES + 1):
        shape = tuple(itertools.chain.from_iterable(picked))
        if not 4 <= len(shape) <= 12:
            raise ValueError(f"pattern '{pattern}' allows plates of {len(shape)} characters; 4 to 12 are possible")
        yield shape


def _class(atom: str) -> frozenset[str]:
    if atom == r"\d":
        return DIGITS
    allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    if not atom.startswith("["):
        return frozenset(atom)
    try:
        return frozenset(char for char in allowed if re.fullmatch(atom, char))
    except re.error as error:
        raise ValueError(f"class '{atom}' cannot be used: {error}") from error


def _counts(times: str) -> range:
    if not times:
        return range(1, 2)
    if times == "?":
        return range(2)
    low, _, high = times.strip("{}").partition(",")
    return range(int(low), int(high or low) + 1)


def _fits(text: str, shape: Shape) -> bool:
    return len(text) == len(shape) and all(char in part for char, part in zip(text, shape, strict=True))


def _mixed_up(text: str, changes: int) -> Iterator[str]:
    """The text with `changes` characters replaced by ones they are confused with."""
    others = {
        place: "".join(sorted({twin for group in CONFUSED if char in group for twin in group if twin != char}))
        for place, char in enumerate(text)
    }
    for places in itertools.combinations([place for place in others if others[place]], changes):
        for twins in itertools.product(*(others[place] for place in places)):
            changed = list(text)
            for place, twin in zip(places, twins, strict=True):
                changed[place] = twin
            yield "".join(changed)
