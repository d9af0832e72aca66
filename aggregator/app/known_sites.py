"""The sites that there are: those of the settings and of the boxes, with their areas."""

from __future__ import annotations

from collections.abc import Iterable

from aggregator.domain.read_models import Box
from aggregator.settings.aggregator import Settings


def known_sites(settings: Settings, boxes: Iterable[Box]) -> dict[str, frozenset[str]]:
    """Site → its areas."""
    found = {box.site: frozenset[str]() for box in boxes}
    return found | {site: frozenset(about.areas) for site, about in settings.sites.items()}
