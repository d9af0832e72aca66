"""axe-core, the checker of accessibility: obtained by the machine's own npm, kept between runs, run in a page."""

from __future__ import annotations

import os
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

PACKAGE = "axe-core@4.14.1"
MEMBER = "package/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CONTRAST = ["color-contrast"]
"""The rule whose result depends on colours; the others give the same in every theme."""
RUN_JS = """async rules => {
  const found = await axe.run(document, { resultTypes: ['violations'], runOnly: rules });
  return found.violations.map(it => `${it.id}: ${it.nodes.slice(0, 3).map(node => node.target.join(' ')
    + (node.any[0] ? ' (' + node.any[0].message.slice(0, 160) + ')' : '')).join('; ')}`);
}"""


def axe_source() -> str:
    """The script; downloaded once. Nothing of the package is installed or run outside the browser."""
    folder = Path(os.environ.get("PAIFANG_TEST_MODELS") or Path.home() / ".cache" / "paifang-tests") / "npm"
    kept = folder / f"{PACKAGE}.js"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            command = ["npm", "pack", "--ignore-scripts", "--loglevel=error", "--pack-destination", scratch, PACKAGE]
            subprocess.run(command, check=True, capture_output=True, timeout=300, cwd=scratch)
            with tarfile.open(next(Path(scratch).glob("*.tgz"))) as archive:
                member = archive.extractfile(MEMBER)
                assert member is not None
                partial = Path(scratch) / "axe.js"
                partial.write_bytes(member.read())
            partial.replace(kept)
    return kept.read_text("utf-8")


def violations(page: Page, source: str, rules: Sequence[str] = RULES) -> list[str]:
    """What axe finds on a page as it is: rule and elements; empty: nothing."""
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(f"() => {{ {source}\n; }}")
    found: Any = page.evaluate(RUN_JS, list(rules))
    return list(found)
