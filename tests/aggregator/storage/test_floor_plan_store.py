"""Plans and positions of sites in every store."""

from __future__ import annotations

import msgspec
from agg_support import START_NS

from aggregator.domain.audit import audit_entry
from aggregator.domain.audit.audit_entry import Action, AuditEntry
from aggregator.domain.floor_plan import FloorPlan, SiteLocation, Symbol
from aggregator.domain.store_port import Store, Writer

SYMBOLS = (
    Symbol(kind="camera", box="gate-1", id="cam-1", x=0.25, y=0.5, direction=90),
    Symbol(kind="box", box="gate-1", id="gate-1", x=1.0, y=0.0),
)


def act(what: Action = "plan.changed") -> AuditEntry:
    return AuditEntry(time_ns=START_NS, who="li", what=what)


def plan(site: str = "village", area: str = "", version: int = 1) -> FloorPlan:
    return FloorPlan(
        site=site, area=area, width_px=800, height_px=600, digest="d", version=version, changed_by="li", changed_ns=5
    )


def audited(store: Store) -> list[str]:
    return [audit_entry.decode(it).what for _, it in store.reader().audit_entries(0, 100)]


def test_a_plan_keeps_its_symbols_when_it_gets_another_picture(store: Store, writer: Writer) -> None:
    writer.put_floor_plan(plan(), b"first", act())
    placed = msgspec.structs.replace(plan(version=2), symbols=SYMBOLS, changed_by="wu")
    assert writer.place_symbols(placed, act())
    writer.put_floor_plan(msgspec.structs.replace(plan(), width_px=900, digest="e"), b"second", act())
    found = store.reader().floor_plan("village", "")
    assert found == msgspec.structs.replace(plan(version=3), width_px=900, digest="e", symbols=SYMBOLS)
    assert store.reader().floor_plan_picture("village", "") == b"second"
    assert audited(store) == ["plan.changed"] * 3


def test_symbols_are_placed_on_the_version_that_was_seen_only(store: Store, writer: Writer) -> None:
    writer.put_floor_plan(plan(), b"x", act())
    assert writer.place_symbols(msgspec.structs.replace(plan(version=2), symbols=SYMBOLS), act())
    assert not writer.place_symbols(plan(version=2), act()), "somebody was faster"
    assert not writer.place_symbols(plan(version=4), act())
    assert not writer.place_symbols(plan("harbour", version=2), act())
    found = store.reader().floor_plan("village", "")
    assert found is not None
    assert (found.version, found.symbols) == (2, SYMBOLS)
    assert audited(store) == ["plan.changed"] * 2


def test_each_site_and_area_has_one_plan(store: Store, writer: Writer) -> None:
    for site, area in (("village", "halls"), ("village", ""), ("harbour", "halls")):
        writer.put_floor_plan(plan(site, area), f"{site}/{area}".encode(), act())
    reader = store.reader()
    assert [(it.site, it.area) for it in reader.floor_plans()] == [
        ("harbour", "halls"), ("village", ""), ("village", "halls"),
    ]  # fmt: skip
    assert reader.floor_plan_picture("village", "halls") == b"village/halls"
    assert reader.floor_plan_picture("harbour", "") is None
    assert reader.floor_plan("harbour", "") is None
    assert writer.delete_floor_plan("village", "halls", act("plan.removed"))
    assert not writer.delete_floor_plan("village", "halls", act("plan.removed"))
    assert [it.area for it in reader.floor_plans()] == ["halls", ""]
    assert audited(store) == ["plan.changed"] * 3 + ["plan.removed"]


def test_a_site_has_one_position(store: Store, writer: Writer) -> None:
    first = SiteLocation(site="village", latitude_udeg=26_882_123, longitude_udeg=-120_005_000)
    writer.put_site_location(first, act("site.located"))
    moved = msgspec.structs.replace(first, latitude_udeg=-26_000_000)
    writer.put_site_location(moved, act("site.located"))
    assert store.reader().site_locations() == [moved]
    assert writer.delete_site_location("village", act("site.located"))
    assert not writer.delete_site_location("village", act("site.located"))
    assert store.reader().site_locations() == []
    assert audited(store) == ["site.located"] * 3
