"""One step of a procedure."""

from __future__ import annotations

import msgspec


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """An instruction; plain text, in one language or both.

    Attributes:
        required: Closing an alert without it asks for a reason.
    """

    en: str = ""
    zh_CN: str = ""  # noqa: N815 — the language's code
    required: bool = False

    def text(self, language: str) -> str:
        """The sentence in a language, or in the other one where there is none.

        >>> Step(en="Look at the picture.").text("zh_CN")
        'Look at the picture.'
        """
        return (self.zh_CN or self.en) if language == "zh_CN" else (self.en or self.zh_CN)
