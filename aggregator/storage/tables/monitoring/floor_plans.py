"""Plans with their symbols, and the positions of sites; each change with its audit entry in the same transaction."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, select, update

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.floor_plan import FloorPlan, SiteLocation, Symbol
from aggregator.storage.engines.database import upsert
from aggregator.storage.schema.floor_plans import floor_plans, site_locations
from aggregator.storage.tables.audit import entries as audit

_SYMBOLS = msgspec.json.Decoder(tuple[Symbol, ...])
_PLAN = tuple(floor_plans.c[name] for name in FloorPlan.__struct_fields__)
_LOCATION = tuple(site_locations.c[name] for name in SiteLocation.__struct_fields__)


def plans(db: Connection) -> list[FloorPlan]:
    """All plans, by site and area."""
    return [_plan(row) for row in db.execute(select(*_PLAN).order_by(floor_plans.c.site, floor_plans.c.area))]


def plan(db: Connection, site: str, area: str) -> FloorPlan | None:
    """One plan."""
    row = db.execute(select(*_PLAN).where(floor_plans.c.site == site, floor_plans.c.area == area)).one_or_none()
    return None if row is None else _plan(row)


def picture(db: Connection, site: str, area: str) -> bytes | None:
    """The picture of a plan."""
    found = select(floor_plans.c.picture).where(floor_plans.c.site == site, floor_plans.c.area == area)
    data = db.execute(found).scalar()
    return None if data is None else bytes(data)


def put(db: Connection, wanted: FloorPlan, data: bytes, entry: AuditEntry) -> None:
    """Add a plan, or give it another picture. Within a transaction."""
    known = plan(db, wanted.site, wanted.area)
    if known is not None:
        wanted = msgspec.structs.replace(wanted, version=known.version + 1, symbols=known.symbols)
    upsert(db, floor_plans, msgspec.structs.asdict(wanted) | {"symbols": _encoded(wanted), "picture": data})
    audit.append(db, [entry])


def place_symbols(db: Connection, wanted: FloorPlan, entry: AuditEntry) -> bool:
    """Replace the symbols of the version before; False where there is another. Within a transaction."""
    values = {name: getattr(wanted, name) for name in ("version", "changed_by", "changed_ns")}
    before = (
        floor_plans.c.site == wanted.site,
        floor_plans.c.area == wanted.area,
        floor_plans.c.version == wanted.version - 1,
    )
    return audit.change_one(db, update(floor_plans).where(*before).values(symbols=_encoded(wanted), **values), entry)


def remove(db: Connection, site: str, area: str, entry: AuditEntry) -> bool:
    """Delete a plan; False where there is none. Within a transaction."""
    there = delete(floor_plans).where(floor_plans.c.site == site, floor_plans.c.area == area)
    return audit.change_one(db, there, entry)


def locations(db: Connection) -> list[SiteLocation]:
    """Where sites are."""
    return [SiteLocation(**row._mapping) for row in db.execute(select(*_LOCATION).order_by(site_locations.c.site))]


def put_location(db: Connection, location: SiteLocation, entry: AuditEntry) -> None:
    """Say where a site is. Within a transaction."""
    upsert(db, site_locations, msgspec.structs.asdict(location))
    audit.append(db, [entry])


def remove_location(db: Connection, site: str, entry: AuditEntry) -> bool:
    """Forget where a site is; False where that was not known. Within a transaction."""
    return audit.change_one(db, delete(site_locations).where(site_locations.c.site == site), entry)


def _plan(row: Row[Any]) -> FloorPlan:
    return FloorPlan(**{**row._mapping, "symbols": _SYMBOLS.decode(row.symbols)})


def _encoded(wanted: FloorPlan) -> str:
    return msgspec.json.encode(wanted.symbols).decode()
