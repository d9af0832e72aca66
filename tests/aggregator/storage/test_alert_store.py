"""Alerts in every store: pages of the queue, counts, what is due, events and history."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest
from agg_support import JPEG, START_NS, event
from sqlalchemy import Connection
from sqlalchemy.dialects import sqlite

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.alerts.history import HistoryEntry
from aggregator.domain.alerts.types import ACKNOWLEDGEMENTS, SEVERITIES, Alert
from aggregator.domain.read_models import AlertQuery, Batch, ReceivedEvent
from aggregator.domain.store_port import Store, Writer
from aggregator.storage import STORES
from aggregator.storage.tables.alerts import queries
from common.clock import SECOND_NS
from common.errors import ContractError

from storage.test_stores_contract import alert  # isort: skip


def put(writer: Writer, *alerts: Alert) -> None:
    writer.apply(Batch(alerts={it.id: it for it in alerts}))


def entry(number: int, alert_id: str = "a", **fields: object) -> HistoryEntry:
    base = HistoryEntry(
        id=f"00000000-0000-7000-8000-{number:012d}", alert=alert_id, time_ns=number, actor="li", via="api",
        action="noted", detail='{"note":"值班"}',
    )  # fmt: skip
    return msgspec.structs.replace(base, **fields)


def test_an_alert_comes_back_as_it_was_and_changes(writer: Writer, store: Store) -> None:
    first = alert(
        1, picture_event="p", picture_ns=3, acknowledgement="assigned", assignee="wu", acknowledged_by="li",
        acknowledged_ns=4, condition="ended", ended_ns=5, since_acknowledged=6, suppression="silenced",
        suppressed_by="s1", suppressed_until_ns=7, chattering=1, due_ns=8, version=9, decided=8, note="n",
    )  # fmt: skip
    put(writer, first)
    assert writer.alert(first.id) == first == store.reader().alert_by_id(first.id)
    changed = msgspec.structs.replace(first, count=2, status="closed", outcome="real", closed_by="li", closed_ns=9)
    put(writer, changed)
    assert writer.alert(first.id) == changed
    assert writer.alert("no such") is None


def test_a_store_refuses_a_critical_alert_that_is_closed_unseen(writer: Writer) -> None:
    with pytest.raises(ContractError):
        put(writer, alert(1, "closed", severity="critical"))
    put(writer, alert(1, "closed", severity="critical", acknowledgement="acknowledged"))


def test_the_newest_come_first_page_by_page(store: Store, writer: Writer) -> None:
    put(writer, *(alert(it, "closed" if it % 3 == 2 else "open") for it in range(1, 10)))
    read = store.reader().alerts
    assert [it.last_ns for it in read(AlertQuery(limit=4))] == [9, 8, 7, 6]
    page = read(AlertQuery(limit=4))[-1]
    assert [it.last_ns for it in read(AlertQuery(limit=4, after=(0, page.last_ns, page.id)))] == [5, 4, 3, 2]
    assert [it.last_ns for it in read(AlertQuery(status="closed"))] == [8, 5, 2]
    assert [it.last_ns for it in read(AlertQuery(status="open", limit=3))] == [9, 7, 6]


def test_the_queue_is_by_acknowledgement_then_severity_then_age(store: Store, writer: Writer) -> None:
    made = [
        alert(number, severity=severity, acknowledgement=acknowledgement, opened_ns=100 + number % 7)
        for number, (acknowledgement, severity, _) in enumerate(
            itertools.product(ACKNOWLEDGEMENTS, SEVERITIES, range(3)), start=1
        )
    ]
    put(writer, *made, alert(99, "closed"))
    expected = sorted(
        made,
        key=lambda it: (
            it.acknowledgement != "unacknowledged", -SEVERITIES.index(it.severity), -it.opened_ns, -int(it.id[-12:])
        ),
    )  # fmt: skip
    seen: list[Alert] = []
    after = None
    while page := store.reader().alerts(AlertQuery(order="urgency", status="open", limit=5, after=after)):
        seen += page
        after = (page[-1].urgency, page[-1].opened_ns, page[-1].id)
    assert [it.id for it in seen] == [it.id for it in expected]


FILTERS: list[tuple[AlertQuery, list[int]]] = [
    (AlertQuery(site="estate"), [5]),
    (AlertQuery(place="door-1"), [5]),
    (AlertQuery(severities=frozenset({"high", "critical"})), [4, 3]),
    (AlertQuery(kinds=frozenset({"door.forced"})), [3]),
    (AlertQuery(area=frozenset({("village", "cam-2")})), [2]),
    (AlertQuery(area=frozenset()), []),
    (AlertQuery(from_ns=4), [5, 4]),
    (AlertQuery(to_ns=3), [2, 1]),
    (AlertQuery(suppressed="exclude"), [5, 4, 3, 2]),
    (AlertQuery(suppressed="only"), [1]),
    (AlertQuery(within=Scope()), []),
    (AlertQuery(within=Scope(sites=frozenset({"village"}))), [4, 3, 2, 1]),
    (AlertQuery(within=Scope(places=frozenset({("village", "cam-2")}))), [2]),
    (AlertQuery(site="village", within=Scope(sites=frozenset({"estate"}))), []),
]


@pytest.mark.parametrize(("query", "numbers"), FILTERS)
def test_filters(store: Store, writer: Writer, query: AlertQuery, numbers: list[int]) -> None:
    put(
        writer,
        alert(1, first_ns=1, suppression="shelved", suppressed_by="li", suppressed_until_ns=99),
        alert(2, first_ns=2, place="cam-2"),
        alert(3, first_ns=3, kind="door.forced", severity="critical"),
        alert(4, first_ns=4, severity="high"),
        alert(5, first_ns=5, site="estate", place="door-1"),
    )
    reader = store.reader()
    assert [it.last_ns for it in reader.alerts(query)] == numbers
    assert reader.alert_count(query) == len(numbers)
    assert sum(reader.alert_counts(query).values()) == len(numbers), "all of them are open"


def test_counts_are_of_open_alerts_by_severity_and_place(store: Store, writer: Writer) -> None:
    put(
        writer, alert(1, severity="high"), alert(2, severity="high", suppression="inhibited", suppressed_by="p"),
        alert(3), alert(4, "closed"), alert(5, place="cam-2"),
    )  # fmt: skip
    reader = store.reader()
    assert reader.alert_counts(AlertQuery(status="closed", limit=1)) == {"high": 2, "medium": 2}
    assert dict(reader.open_counts()) == {
        ("village", "cam-1", "high", False): 1, ("village", "cam-1", "high", True): 1,
        ("village", "cam-1", "medium", False): 1, ("village", "cam-2", "medium", False): 1,
    }  # fmt: skip


def test_the_newest_open_alert_of_a_fingerprint_or_the_one_it_was_merged_into(writer: Writer) -> None:
    put(writer, *(alert(it, "closed" if it == 3 else "open") for it in (1, 2, 3)))
    newest = writer.newest_alert("f")
    assert newest is not None
    assert newest.last_ns == 2
    assert writer.newest_alert("g") is None
    assert writer.known_fingerprints(["f", "g"]) == {"f"}
    put(writer, alert(4, "closed", fingerprint="g", merged_into=newest.id))
    assert writer.newest_alert("g") == newest
    assert writer.known_fingerprints(["f", "g", "h"]) == {"f", "g"}
    put(writer, msgspec.structs.replace(newest, status="closed"))
    assert writer.newest_alert("g") is None


def test_alerts_that_are_due(writer: Writer) -> None:
    put(
        writer, alert(1, due_ns=10), alert(2, suppression="shelved", suppressed_until_ns=11), alert(3),
        alert(4, due_ns=20), alert(5, due_ns=5),
    )  # fmt: skip
    assert [it.last_ns for it in writer.due_alerts(11, 10)] == [5, 1, 2]
    assert [it.last_ns for it in writer.due_alerts(11, 1)] == [5, 2]
    assert writer.due_alerts(4, 10) == []


def test_the_events_of_an_alert_and_of_those_merged_into_it(store: Store, writer: Writer) -> None:
    one, two = alert(1, first_ns=START_NS), alert(2, first_ns=START_NS)
    one, two = (msgspec.structs.replace(it, last_ns=START_NS + 60 * SECOND_NS) for it in (one, two))
    events = [event(it, time_ns=START_NS + it * SECOND_NS, picture=JPEG if it == 3 else None) for it in range(1, 7)]
    filed = [ReceivedEvent(it, (one, two)[it.sequence > 4].id, START_NS) for it in events]
    writer.apply(Batch(events=filed, alerts={"1": one, "2": two}))
    reader = store.reader()
    assert [(it.id, it.picture) for it in reader.alert_events(one, 3)] == [
        (events[3].id, False), (events[2].id, True), (events[1].id, False),
    ]  # fmt: skip
    merged = msgspec.structs.replace(two, status="closed", merged_into=one.id)
    writer.apply(Batch(alerts={"2": merged}))
    assert [it.id for it in reader.alert_events(one, 3)] == [events[5].id, events[4].id, events[3].id]
    assert [it.id for it in writer.events_of_alert(one, 9)] == [it.id for it in reversed(events[:4])]
    wanted = [events[0].id, events[2].id, events[5].id]
    assert [it.id for it in writer.events_by_id(one.id, wanted)] == [events[2].id, events[0].id]
    writer.apply(Batch(moved={events[0].id: two.id}))
    assert [it.id for it in writer.events_of_alert(one, 9)] == [it.id for it in reversed(events[1:4])]


PLANS = [
    ({"order": "urgency", "status": "open"}, "alerts_urgent"),
    ({"order": "urgency", "status": "open", "after": (5, 10, "a"), "suppressed": "exclude"}, "alerts_urgent"),
    ({"order": "newest"}, "alerts_by_time"),
    ({"order": "newest", "status": "open"}, "alerts_open"),
    ({"order": "newest", "status": "closed", "after": (0, 10, "a")}, "alerts_closed"),
]


@pytest.mark.parametrize(("fields", "index"), PLANS, ids=[str(it[0]) for it in PLANS])
def test_a_page_reads_an_index_and_sorts_nothing(tmp_path: Path, fields: dict[str, Any], index: str) -> None:
    store = STORES["sqlite"](tmp_path)
    store.writer().close()
    asked: list[Any] = []
    read: Any = store.reader()

    def explain(db: Connection, query: AlertQuery) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(queries, "read", lambda _, statement: asked.append(statement))
            queries.find(db, query)
        literal = asked[0].compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
        plan = [row[3] for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {literal}".replace("%", "%%"))]
        assert index in plan[0]
        assert not any("TEMP B-TREE" in it for it in plan)

    read._db.run(explain, AlertQuery(**fields))


def test_history_page_by_page_and_erased_with_its_alert(store: Store, writer: Writer) -> None:
    writer.apply(Batch(alerts={"a": alert(1)}, history=[entry(it) for it in range(1, 5)]))
    writer.apply(Batch(history=[entry(5), entry(6, "b")]))
    reader = store.reader()
    assert reader.history("a", 2) == [entry(5), entry(4)]
    assert [it.time_ns for it in reader.history("a", 9, before=entry(4).id)] == [3, 2, 1]
    assert reader.history("b", 9) == [entry(6, "b")]
    assert reader.history("c", 9) == []
