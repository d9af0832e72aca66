"""axe-core, the checker of accessibility: run in a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from npm_kit import npm_file
from playwright.sync_api import Page

PACKAGE = "axe-core@4.14.1"
MEMBER = "package/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CONTRAST = ["color-contrast"]
"""The rule whose result depends on colours; the others give the same in every theme."""
RUN_JS = """async rules => {
  const options = { resultTypes: ['violations'], runOnly: rules };
  // the names of the elements take a fifth of the time, and are needed where something is wrong only
  const quick = await axe.run(document, { ...options, selectors: false });
  const found = quick.violations.length ? await axe.run(document, options) : quick;
  return found.violations.map(it => `${it.id}: ${it.nodes.slice(0, 3).map(node => node.target.join(' ')
    + (node.any[0] ? ' (' + node.any[0].message.slice(0, 160) + ')' : '')).join('; ')}`);
}"""


def axe_source() -> str:
    """The script. Nothing of the package is installed or run outside the browser."""
    return npm_file(PACKAGE, MEMBER)


def violations(page: Page, source: str, rules: Sequence[str] = RULES) -> list[str]:
    """What axe finds on a page as it is: rule and elements; empty: nothing."""
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(f"() => {{ {source}\n; }}")
    found: Any = page.evaluate(RUN_JS, list(rules))
    return list(found)
