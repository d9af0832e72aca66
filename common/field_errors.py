"""An error of msgspec as a sentence that names the field and the fix."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from common.errors import PaifangError

Kind = TypeVar("Kind", bound=PaifangError)
_PATH = re.compile(r" - at `\$\.?([^`]*)`\Z")
_RULES: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(r"of length >= 1\b"), "missing", "must not be empty"),
    (re.compile(r"of length >= (?P<least>\d+)"), "short", "write at least {least} characters"),
    (re.compile(r"of length <= (?P<most>\d+)"), "long", "write at most {most} characters"),
    (re.compile(r"must be later than"), "order", "must be later than the beginning"),
    (re.compile(r"more than (?P<most>\d+) days"), "days", "covers more than {most} days"),
    (re.compile(r"by (?P<most>\d+) days at most"), "days", "covers more than {most} days"),
    (re.compile(r"matching regex"), "printable", "leave out line feeds and control characters"),
    (re.compile(r"Invalid enum value"), "choice", "choose one of the values that the documents list"),
    (re.compile(r"missing required field `(?P<name>[^`]*)`"), "missing", "is missing"),
    (re.compile(r"unknown field `(?P<name>[^`]*)`"), "unknown", "is not a field; leave it out"),
    (re.compile(r">=? (?P<least>-?[\d.]+)\Z"), "small", "is too small; at least {least}"),
    (re.compile(r"<=? (?P<most>-?[\d.]+)\Z"), "large", "is too large; at most {most}"),
)


def field_error(error: msgspec.ValidationError, kind: type[Kind], prefix: str = "") -> Kind:
    """An error of the tree for one of msgspec; its text never holds the value that was sent.

    Args:
        error: What msgspec raised.
        kind: The class of the error to make.
        prefix: Before the field's name, for errors that name their object first.

    >>> from common.errors import CommandError
    >>> found = msgspec.ValidationError("Expected `str` of length >= 3 - at `$.reason`")
    >>> made = field_error(found, CommandError)
    >>> str(made), made.sentence, made.field
    ('reason: write at least 3 characters', 'error.field.short', 'reason')
    >>> found = msgspec.ValidationError("Expected `str` of length >= 1 - at `$.id`")
    >>> field_error(found, CommandError).sentence
    'error.field.missing'
    """
    problem, code, field, values = _parsed(str(error))
    return kind(f"{prefix}{field}: {problem}", sentence=f"error.field.{code}", field=field, **values)


def with_text(error: msgspec.ValidationError, kind: type[Kind], text: str) -> Kind:
    """As `field_error`, with a text of one's own for programs."""
    _, code, field, values = _parsed(str(error))
    return kind(text, sentence=f"error.field.{code}", field=field, **values)


def _parsed(text: str) -> tuple[str, str, str, dict[str, str]]:
    """The problem in words, the code of its sentence, the field, and the sentence's values."""
    path = _PATH.search(text)
    field, text = (path[1], text[: path.start()]) if path else ("", text)
    for pattern, code, words in _RULES:
        if found := pattern.search(text):
            values = found.groupdict()
            field = values.pop("name", None) or field
            return words.format(**values), code, field, values
    return "cannot be used like this", "wrong", field, {}
