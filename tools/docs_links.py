"""MkDocs hook: links from the pages to files of the repository outside `docs/` become their names in code.

The pages are read in the repository too, where those links lead to the files; `tests/test_docs.py` checks them there.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

_LINK = re.compile(r"\[([^\]]+)\]\((?!\w+:)([^)#\s]+)(#[^)\s]*)?\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """A page's text with links inside `docs/` only.

    Args:
        markdown: The page's text.
        page: MkDocs' page; `page.file.src_uri` is its path below `docs/`.
    """
    folder = posixpath.dirname(page.file.src_uri)

    def kept(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, link[2]))
        if not target.startswith("../"):
            return link[0]
        return link[1] if "`" in link[1] else f"`{link[1]}`"

    return _LINK.sub(kept, markdown)
