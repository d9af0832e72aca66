"""Names of what audit entries are about: an id means nothing to the person who reads the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.read_models import Camera, Place, TargetLabel
from protocol.receipts import DoorStatus


class NamesReader(Protocol):
    """Reads what ids mean."""

    def cameras(self) -> list[Camera]:
        """All cameras."""

    def places(self) -> list[Place]:
        """All gates and doors."""

    def target_labels(self, ids: Iterable[str]) -> dict[str, TargetLabel]:
        """What ids of events, alerts and releases are about, of those that are still stored."""


@dataclass(frozen=True)
class AuditNames:
    """What the entries of one page are about.

    Attributes:
        labels: Id → event, alert or release.
        places: (site, id of a camera, gate or door) → its name.
    """

    labels: Mapping[str, TargetLabel] = field(default_factory=dict)
    places: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def of(cls, reader: NamesReader, entries: Iterable[AuditEntry]) -> AuditNames:
        """Read the names for some entries.

        Raises:
            StoreError: The store cannot be read.
        """
        ids = {text for it in entries for text in (it.target, it.detail.get("event", "")) if len(text) == 36}
        names = {(it.site, it.id): it.name or it.id for it in reader.cameras()}
        for place in reader.places():
            status = place.status
            names[place.site, status.id if isinstance(status, DoorStatus) else status.name] = status.name
        return cls(reader.target_labels(sorted(ids)), names)

    def place(self, site: str, name: str) -> str:
        """A place's name; a target of a box is `box/place`."""
        last = name.rpartition("/")[2]
        return self.places.get((site, last)) or last
