"""The lines of a box's YAML that carry a change out. The aggregator does not configure boxes: people edit the file."""

from __future__ import annotations

import math

from aggregator.domain.quality.aggregates import Source
from aggregator.domain.quality.replay import Asleep, Inertia, Mask, MinimumHeight, Suggestion

CHANGEABLE = ("zone.", "line.")
"""Kinds that are rules of the box's YAML; doors, gates and devices have none of these settings."""


def yaml_of(source: Source, change: Suggestion, picture_px: int = 0) -> str:
    """The lines to change; comments name what the file itself must supply.

    Args:
        source: The rule.
        change: Of it.
        picture_px: The height of the camera's analysed pictures, pixels; 0: not known.

    >>> print(yaml_of(Source("s", "b", "cam-1", "zone.entered", "yard"), Inertia(5)))
    cameras:
      - id: cam-1
        zones:
          - name: yard
            inertia: 5
    """
    if isinstance(change, Inertia):
        return _rule(source, f"inertia: {change.looks}")
    if isinstance(change, Asleep):
        name = f"{source.subject}-awake"
        window = f'{{from: "{change.end:%H:%M}", to: "{change.begin:%H:%M}"}}'
        return f"schedules:\n  {name}:\n    - {window}\n{_rule(source, f'schedule: {name}')}"
    if isinstance(change, Mask):
        corners = f"x {change.left:g} to {change.right:g}, y {change.top:g} to {change.bottom:g}"
        return _rule(source, f"polygon:  # draw it so that it leaves out {corners} (pixels of the watched stream)")
    return _height(source, change, picture_px)


def _height(source: Source, change: MinimumHeight, picture_px: int) -> str:
    """Rounded down: no real object that is just high enough is lost."""
    if not picture_px:
        divide = f"{change.height_px:g} px divided by the height of the watched stream's picture"
        return _rule(source, f"min_height:  # {divide}")
    share = min(math.floor(1000 * change.height_px / picture_px), 999) / 1000
    return _rule(source, f"min_height: {share:g}  # {change.height_px:g} of {picture_px} px")


def _rule(source: Source, line: str) -> str:
    part = "lines" if source.kind.startswith("line.") else "zones"
    return f"cameras:\n  - id: {source.place}\n    {part}:\n      - name: {source.subject}\n        {line}"
