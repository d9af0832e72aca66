"""What the targets of audit entries are about."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from aggregator.domain.read_models import TargetLabel
from aggregator.storage.engines.database import one_of
from aggregator.storage.schema.alerts import alerts
from aggregator.storage.schema.core import events, releases


def labels(db: Connection, ids: Iterable[str]) -> dict[str, TargetLabel]:
    """Events, alerts and releases by id, of those that are still stored."""
    wanted = list(ids)
    if not wanted:
        return {}
    found: dict[str, TargetLabel] = {}
    for of, table in (("event", events), ("alert", alerts)):
        columns = (table.c.id, table.c.site, table.c.place, table.c.kind)
        for row in db.execute(select(*columns).where(one_of(table.c.id, wanted))):
            found[row.id] = TargetLabel(of, row.site, row.place, row.kind)
    copies = select(releases.c.id, releases.c.site, releases.c.camera).where(one_of(releases.c.id, wanted))
    for row in db.execute(copies):
        found[row.id] = TargetLabel("release", row.site, row.camera)
    return found
