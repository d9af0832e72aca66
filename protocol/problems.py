"""Codes of what a box cannot do or see. A text in English goes with each, so that older aggregators show that.

A dashboard has the sentence of each code in its own languages. A box that does not know a code sends the text alone;
an aggregator that does not know one shows the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from common.errors import PaifangError

Code = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[a-z0-9_.]*$(?!\n)")]
Values = Annotated[
    dict[Annotated[str, msgspec.Meta(max_length=32)], Annotated[str, msgspec.Meta(max_length=400)]],
    msgspec.Meta(max_length=8),
]
PROBLEMS: Mapping[str, frozenset[str]] = {
    "hold.unknown": frozenset(),
    "hold.ended": frozenset(),
}
"""Code → the values that belong into its sentence."""


def code_of(error: Exception) -> tuple[str, dict[str, str]]:
    """The code of an error and its values; empty where it has none."""
    if not isinstance(error, PaifangError) or error.sentence not in PROBLEMS:
        return "", {}
    values = {name: str(value)[:400] for name, value in error.values.items() if name in PROBLEMS[error.sentence]}
    return error.sentence, values
