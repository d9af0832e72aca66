"""The lines of a box's YAML that carry a change out. The aggregator does not configure boxes: people edit the file."""

from __future__ import annotations

from aggregator.domain.quality.aggregates import Source
from aggregator.domain.quality.replay import Asleep, Inertia, Mask, MinimumHeight, Suggestion

CHANGEABLE = ("zone.", "line.")
"""Kinds that are rules of the box's YAML; doors, gates and devices have none of these settings."""


def yaml_of(source: Source, change: Suggestion) -> str:
    """The lines to change; comments name what the file itself must supply.

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
    return _height(source, change)


def _height(source: Source, change: MinimumHeight) -> str:
    text = f"# no setting of the box: move the far edge of the polygon so that objects under {change.height_px:g} px"
    return _rule(source, f"polygon:  {text} stand outside")


def _rule(source: Source, line: str) -> str:
    part = "lines" if source.kind.startswith("line.") else "zones"
    return f"cameras:\n  - id: {source.place}\n    {part}:\n      - name: {source.subject}\n        {line}"
