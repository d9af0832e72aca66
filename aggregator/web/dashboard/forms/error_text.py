"""Errors as sentences in the user's language."""

from __future__ import annotations

from aggregator.web.dashboard.forms.box_text import box_text
from aggregator.web.dashboard.i18n.texts import Texts
from common.errors import PaifangError


def error_text(error: PaifangError, words: Texts) -> str:
    """The error's own sentence; where it has none, the one of its class, and else that something failed.

    A value of the sentence that is itself the key of a text is replaced by that text, and what a box says by the
    sentence of its code.
    """
    keys = (error.sentence, f"error.{error.sentence}", *(f"error.{kind.__name__}" for kind in type(error).__mro__))
    for key in keys:
        if key in words:
            values = {name: words.get(str(value), value) for name, value in error.values.items() if name != "code"}
            if code := str(error.values.get("code", "")):
                values["problem"] = box_text(str(error.values.get("problem", "")), code, words)
            return words[key].format(**values)
    return words["failed"]
