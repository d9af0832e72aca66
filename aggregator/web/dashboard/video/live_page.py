"""The script that plays footage."""

from __future__ import annotations

from pathlib import Path

PLAYER_JS = (Path(__file__).parents[1] / "static" / "live_player.js").read_text("utf-8")
