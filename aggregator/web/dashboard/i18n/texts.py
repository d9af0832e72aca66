"""Everything that the dashboard says, in every language that it speaks: gettext catalogues, one a language.

The key of a text is its `msgid`. A test compares the catalogues: the same keys, the same fields, all plural forms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from gettext import c2py
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

LANGUAGES: dict[str, str] = {"en": "English", "zh-CN": "简体中文"}
"""Code → what the language calls itself."""
_FOLDER = Path(__file__).parent


class Texts(Mapping[str, str]):
    """One language's texts. A text with plural forms is given in the last of them; `counted` chooses.

    Args:
        catalog: Of the language.
        language: Its code.
    """

    def __init__(self, catalog: Catalog, language: str) -> None:
        self.language = language
        self._plural = c2py(catalog.plural_expr)
        self._forms = {str(_first(it.id)): _forms(it.string) for it in catalog if it.id}

    def __getitem__(self, key: str) -> str:
        """The text of a key."""
        return self._forms[key][-1]

    def __iter__(self) -> Iterator[str]:
        """All keys."""
        return iter(self._forms)

    def __len__(self) -> int:
        """How many texts there are."""
        return len(self._forms)

    def counted(self, key: str, count: int, **fields: object) -> str:
        """A text in the plural form for `count`, with its fields filled in; `{count}` is one of them."""
        forms = self._forms[key]
        return forms[min(self._plural(count), len(forms) - 1)].format(count=count, **fields)

    def forms(self, key: str) -> tuple[str, ...]:
        """All plural forms of a text."""
        return self._forms[key]


def _first(identity: str | tuple[str, ...] | list[str]) -> str:
    return identity if isinstance(identity, str) else identity[0]


def _forms(text: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    return (text or "",) if isinstance(text, str) or text is None else tuple(text)


def _read(code: str) -> Texts:
    with (_FOLDER / f"{code.replace('-', '_')}.po").open("rb") as file:
        return Texts(read_po(file), code)


TEXTS: dict[str, Texts] = {code: _read(code) for code in LANGUAGES}
"""Language → its texts; braces are filled by `str.format`."""


def choose(cookie: str | None, accept_language: str) -> str:
    """The language to speak: what was chosen before, else what the browser likes best, else English.

    >>> choose(None, "de, zh;q=0.9, en;q=0.8")
    'zh-CN'
    >>> choose("en", "zh-CN")
    'en'
    """
    if cookie in LANGUAGES:
        return cookie
    liked: list[tuple[float, str]] = []
    for part in accept_language.split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            liked.append((float(quality or 1), tag.lower()))
        except ValueError:
            continue
    for _, tag in sorted(liked, key=lambda pair: -pair[0]):
        for code in LANGUAGES:
            if tag.split("-")[0] == code.split("-")[0]:
                return code
    return "en"
