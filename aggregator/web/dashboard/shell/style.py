"""The dashboard's style: one palette for dark and light; all files are local."""

from __future__ import annotations

from pathlib import Path

LOGO_SVG = (
    '<svg class="logo" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true" fill="none" stroke="currentColor" '
    'stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"><path d="M3 8c3 1.6 6 2 13 2s10-.4 13-2"/>'
    '<path d="M5 15h22M8 10v18M24 10v18M13 10v5M19 10v5M16 4v6"/></svg>'
)
"""A paifang: two posts, two beams, a roof."""

_FOLDER = Path(__file__).parents[1] / "static"
PALETTE_CSS = (_FOLDER / "palette.css").read_text("utf-8")
LOGIN_CSS = PALETTE_CSS + (_FOLDER / "login.css").read_text("utf-8")
