"""Searching in every store: against a list and a loop, with bounds so small that every way of looking is taken."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from agg_support import JPEG, START_NS, event
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, select, text
from sqlalchemy.dialects import sqlite

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.audit.audit_entry import AuditEntry, decode
from aggregator.domain.investigation import case as cases
from aggregator.domain.investigation.search_query import Key, ResultPage, SearchQuery, SearchResult, make
from aggregator.domain.read_models import Batch, ReceivedEvent
from aggregator.domain.store_port import Store, Writer
from aggregator.settings.postgres import Postgres
from aggregator.storage import STORES
from aggregator.storage.schema import core as schema
from aggregator.storage.tables.event_series import cell_of
from aggregator.storage.tables.investigation import search as finding
from aggregator.storage.tables.investigation.search import Bounds
from common.clock import HOUR_NS, SECOND_NS
from common.errors import CaseError, ContractError
from protocol.envelope import Event
from protocol.event_types import CameraLost, Data, DoorForced, LineCrossed, ZoneEntered, ZoneLeft

EVERYWHERE = Scope(everywhere=True)
FROM_NS, UNTIL_NS = START_NS - 1_000, START_NS + 40 * HOUR_NS
SITES, PLACES, ZONES, OBJECTS = ("east", "west", "north"), ("cam-1", "cam-2"), ("yard", "lane"), ("person", "truck")
KINDS = ("zone.entered", "zone.left", "line.crossed", "door.forced", "camera.lost")


def data_of(kind: str, zone: str, thing: str) -> Data:
    about = {"object": thing, "track": 1}
    seen = {**about, "zone": zone, "bbox": (1.0, 2.0, 3.0, 4.0), "confidence": 0.5}
    shapes: dict[str, Callable[[], Data]] = {
        "zone.entered": lambda: msgspec.convert(seen, ZoneEntered),
        "zone.left": lambda: msgspec.convert(seen, ZoneLeft),
        "line.crossed": lambda: msgspec.convert({**about, "line": zone, "direction": "forward"}, LineCrossed),
        "door.forced": lambda: DoorForced(door="d"),
        "camera.lost": CameraLost,
    }
    return shapes[kind]()


rows = st.tuples(
    st.sampled_from(SITES), st.sampled_from(PLACES), st.sampled_from(KINDS), st.sampled_from(ZONES),
    st.sampled_from(OBJECTS),
    st.one_of(st.integers(0, 5), st.integers(0, 3 * HOUR_NS), st.integers(0, 39).map(lambda it: it * HOUR_NS)),
)  # fmt: skip
searches = st.builds(
    SearchQuery,
    from_ns=st.sampled_from([FROM_NS, START_NS, START_NS + 2]),
    until_ns=st.sampled_from([START_NS + 3, START_NS + HOUR_NS + 1, UNTIL_NS]),
    sites=st.lists(st.sampled_from(SITES), max_size=3, unique=True).map(tuple),
    places=st.lists(st.sampled_from([f"{s}/{p}" for s in SITES for p in PLACES]), max_size=3, unique=True).map(tuple),
    kinds=st.lists(st.sampled_from(KINDS), max_size=2, unique=True).map(tuple),
    objects=st.lists(st.sampled_from(OBJECTS), max_size=2, unique=True).map(tuple),
    zones=st.lists(st.sampled_from(ZONES), max_size=2, unique=True).map(tuple),
    limit=st.integers(1, 7),
)  # fmt: skip
bounds = st.builds(
    Bounds, cells=st.sampled_from([0, 3, 1_500]), slice=st.integers(1, 9), rows=st.sampled_from([1, 20, 200, 10_000])
)


def built(drawn: list[tuple[str, str, str, str, str, int]]) -> list[Event]:
    return [
        event(
            it, data_of(kind, zone, thing), site=site, place=place, time_ns=START_NS + after_ns
        )
        for it, (site, place, kind, zone, thing, after_ns) in enumerate(drawn, 1)
    ]  # fmt: skip


def matches(it: Event, search: SearchQuery) -> bool:
    site, place, _, kind, thing, zone = cell_of(it)
    somewhere = site in search.sites or f"{site}/{place}" in search.places
    return (
        search.from_ns <= it.time_ns < search.until_ns
        and (somewhere or not (search.sites or search.places))
        and (not search.kinds or kind in search.kinds)
        and (not search.objects or thing in search.objects)
        and (not search.zones or zone in search.zones)
    )


def paged(ask: Callable[[Key | None], ResultPage], search: SearchQuery) -> list[SearchResult]:
    """All pages; checks what each says of itself."""
    found: list[SearchResult] = []
    after: Key | None = None
    for _ in range(5_000):
        page = ask(after)
        assert len(page.hits) <= search.limit
        assert all(hit.time_ns >= page.searched_until_ns for hit in page.hits)
        found += page.hits
        if page.after is None:
            assert page.searched_until_ns == search.from_ns
            return found
        assert after is None or page.after < after, "it does not get on"
        after = page.after
    raise AssertionError("it does not end")


@contextmanager
def reading(store: Store) -> Iterator[Connection]:
    with store.reader()._db.connection() as db:  # type: ignore[attr-defined]
        yield db


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, postgres_databases: Callable[[], Postgres]) -> list[Store]:
    """One of each kind that stays open for all examples."""
    return [
        STORES[name](tmp_path_factory.mktemp(name), postgres_databases() if name == "postgres" else Postgres())
        for name in sorted(STORES)
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(rows, max_size=60), asked=st.lists(st.tuples(searches, bounds), min_size=1, max_size=8))
def test_paging_gives_every_match_once_in_order_in_every_store(
    both: list[Store],
    drawn: list[tuple[str, str, str, str, str, int]],
    asked: list[tuple[SearchQuery, Bounds]],
) -> None:
    events = built(drawn)
    for store in both:
        writer = store.writer()
        with writer._db.transaction() as db:  # type: ignore[attr-defined]
            for table in (schema.events, schema.cells, schema.genera, schema.pictures):
                db.execute(delete(table))
        for half in (events[::2], events[1::2]):
            writer.apply(Batch(events=[ReceivedEvent(it, None, START_NS) for it in half]))
        writer.close()
    for search, bound in asked:
        want = sorted(((it.time_ns, it.id) for it in events if matches(it, search)), reverse=True)
        for store in both:
            with reading(store) as db:
                got = paged(lambda after: finding.find(db, search, after, bound), search)  # noqa: B023 — called at once
            assert [(hit.time_ns, hit.id) for hit in got] == want


def test_a_hit_tells_what_the_event_told(store: Store, writer: Writer) -> None:
    (seen, crossed, forced) = built([
        ("east", "cam-1", "zone.left", "yard", "truck", 1),
        ("east", "cam-1", "line.crossed", "lane", "person", 2),
        ("east", "d-1", "door.forced", "", "", 3),
    ])  # fmt: skip
    seen = dataclasses.replace(seen, picture=JPEG)
    writer.apply(Batch(events=[ReceivedEvent(it, None, START_NS) for it in (seen, crossed, forced)]))
    page = store.reader().search(SearchQuery(from_ns=FROM_NS, until_ns=UNTIL_NS))
    assert [(it.kind, it.object, it.zone, it.picture) for it in page.hits] == [
        ("door.forced", "", "", False),
        ("line.crossed", "person", "lane", False),
        ("zone.left", "truck", "yard", True),
    ]
    assert {(it.site, it.box) for it in page.hits} == {("east", "gate-1")}
    assert (page.after, page.searched_until_ns) == (None, FROM_NS)


def test_a_question_that_is_too_hard_ends_early_and_says_how_far_it_got(store: Store, writer: Writer) -> None:
    common = [("west", f"cam-{it % 9}", "zone.left", "yard", "person", it) for it in range(40)]
    events = built([("east", "cam-1", "zone.left", "yard", "person", 0), *common])
    writer.apply(Batch(events=[ReceivedEvent(it, None, START_NS) for it in events]))
    search = SearchQuery(from_ns=FROM_NS, until_ns=START_NS + 40, sites=("east",), limit=5)
    hard = Bounds(cells=0, slice=10, rows=15)
    with reading(store) as db:
        page = finding.find(db, search, None, hard)
        assert page.hits == []
        assert page.after is not None
        assert START_NS < page.searched_until_ns == page.after[0] < START_NS + 40
        rest = finding.find(db, search, page.after, Bounds(cells=0, slice=100, rows=100))
    assert [it.site for it in rest.hits] == ["east"]
    assert rest.after is None
    assert len(paged(lambda after: store.reader().search(search, after), search)) == 1


def test_a_batch_that_fails_leaves_no_cell_behind(store: Store, writer: Writer) -> None:
    first, second = built([("east", "cam-1", "zone.left", "yard", "truck", it) for it in (1, 2)])
    with pytest.raises(ContractError):
        writer.apply(Batch(events=[ReceivedEvent(first, None, START_NS), ReceivedEvent(first, None, START_NS)]))
    writer.apply(Batch(events=[ReceivedEvent(second, None, START_NS)]))
    again = store.writer(sole=False)
    again.apply(Batch(events=[ReceivedEvent(first, None, START_NS)]))
    again.close()
    with reading(store) as db:
        assert len(db.execute(select(schema.cells)).all()) == 1
    assert len(store.reader().search(SearchQuery(from_ns=FROM_NS, until_ns=UNTIL_NS)).hits) == 2


def test_a_cells_span_covers_its_events_and_is_seldom_written(store: Store, writer: Writer) -> None:
    events = built([("east", "cam-1", "zone.left", "yard", "truck", it * SECOND_NS) for it in range(-4_000, 4_000, 50)])
    for it in events:
        writer.apply(Batch(events=[ReceivedEvent(it, None, START_NS)]))
    with reading(store) as db:
        columns = schema.cells.c
        ((low, high, count),) = db.execute(select(columns.from_ns, columns.until_ns, columns.count)).all()
    assert low <= min(it.time_ns for it in events)
    assert high > max(it.time_ns for it in events)
    assert low % HOUR_NS == high % HOUR_NS == 0
    assert len(events) / 2 < count <= len(events)


@pytest.mark.parametrize("column", ["cell", "genus"])
def test_sqlite_reads_a_slice_from_its_index_alone(column: str, tmp_path: Path) -> None:
    values = {"groups": "[1]", "low": 0, "high": 9, "high_id": "x", "most": 5}
    statement = str(finding._SLICES[column].compile(dialect=sqlite.dialect(paramstyle="named")))
    store = STORES["sqlite"](tmp_path)
    store.writer().close()
    with reading(store) as db:
        plan = db.execute(text(f"EXPLAIN QUERY PLAN {statement}"), values | {"param_1": 0}).all()
    assert (
        plan[0][3] == f"SEARCH events USING COVERING INDEX events_by_{column} ({column}=? AND time_ns>? AND time_ns<?)"
    )


def opened(now_ns: int = START_NS, **fields: object) -> tuple[cases.Case, AuditEntry]:
    asked = {
        "id": "2026-117", "purpose": "who drove into the barrier", "basis": "incident", "site": "east",
        "expires_ns": now_ns + HOUR_NS, **fields,
    }  # fmt: skip
    return cases.new(asked, "li", now_ns)


def test_a_case_is_opened_and_closed_with_its_acts(store: Store, writer: Writer) -> None:
    case, act = opened(places=["east/cam-1"], from_ns=5, until_ns=9)
    writer.open_case(case, act)
    assert store.reader().case("2026-117") == case
    with pytest.raises(CaseError, match="another reference"):
        writer.open_case(case, act)
    other, other_act = opened(START_NS + 1, id="2026-118", site="west")
    writer.open_case(other, other_act)
    assert [it.id for it in store.reader().cases(EVERYWHERE, 9)] == ["2026-118", "2026-117"]
    assert [it.id for it in store.reader().cases(Scope(sites=frozenset({"east"})), 9)] == ["2026-117"]
    end = cases.closing(case, "wang", START_NS + 7)
    assert writer.close_case(end) is True
    assert writer.close_case(end) is False
    closed = store.reader().case("2026-117")
    assert closed == msgspec.structs.replace(case, closed_by="wang", closed_ns=START_NS + 7)
    written = [decode(entry) for _, entry in store.reader().audit_entries(0, 10)]
    assert [(it.what, it.case, it.who) for it in written] == [
        ("case.opened", "2026-117", "li"),
        ("case.opened", "2026-118", "li"),
        ("case.closed", "2026-117", "wang"),
    ]
    assert store.reader().case("none") is None


def test_cases_are_read_page_by_page_within_the_scope(store: Store, writer: Writer) -> None:
    """Those of other sites take no place on a page, and of cases opened at the same time none is left out."""
    for number in range(6):
        fields = {"id": f"c{number}", "site": ("east", "west")[number % 2], "expires_ns": START_NS + HOUR_NS + number}
        writer.open_case(*opened(START_NS + number // 3, **fields))
    writer.close_case(cases.closing(opened(id="c3", site="west")[0], "li", START_NS + 9))
    read = store.reader()

    def walk(within: Scope, limit: int, open_at_ns: int | None = None) -> list[str]:
        found, page = list[str](), read.cases(within, limit, open_at_ns=open_at_ns)
        while page:
            found += [it.id for it in page]
            page = read.cases(within, limit, (page[-1].opened_ns, page[-1].id), open_at_ns=open_at_ns)
        return found

    for limit in (1, 2, 4, 9):
        assert walk(EVERYWHERE, limit) == ["c5", "c4", "c3", "c2", "c1", "c0"]
        assert walk(Scope(sites=frozenset({"east"})), limit) == ["c4", "c2", "c0"]
        assert walk(EVERYWHERE, limit, START_NS + HOUR_NS + 1) == ["c5", "c4", "c2"], "expired or closed"
    assert walk(Scope(places=frozenset({("east", "cam-1")})), 9) == []


def test_every_way_of_asking_in_a_full_store(store: Store, writer: Writer) -> None:
    """The standing bounds, on a store that is large enough for them to matter."""
    drawn = [
        (f"s{it % 12}", f"cam-{it % 5}", KINDS[it % 2], ZONES[it % 2], OBJECTS[it % 701 == 0], it * SECOND_NS)
        for it in range(9_000)
    ]  # fmt: skip
    events = built(drawn)
    writer.apply(Batch(events=[ReceivedEvent(it, None, START_NS) for it in events]))
    for fields in (
        {},
        {"objects": ["truck"]},
        {"sites": ["s3"]},
        {"places": ["s3/cam-3"], "limit": 7},
        {"zones": ["x"]},
    ):
        search = make({"from_ns": FROM_NS, "until_ns": UNTIL_NS, **fields})
        want = sorted(((it.time_ns, it.id) for it in events if matches(it, search)), reverse=True)
        got = paged(lambda after: store.reader().search(search, after), search)  # noqa: B023 — called at once
        assert [(hit.time_ns, hit.id) for hit in got] == want
