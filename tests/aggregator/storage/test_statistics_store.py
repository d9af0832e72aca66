"""Figures of every store: they equal a recomputation from the raw log; rules, states of devices, what is oldest."""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec
import pytest
from agg_fakes import received
from agg_support import JPEG, START_NS, entered, event
from recount import AlertFacts, LogEntry, recompute

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.alerts.decisions import Merge, Request, Split, Wish
from aggregator.domain.alerts.types import (
    OUTCOMES,
    Acknowledged,
    Alert,
    Assigned,
    Closed,
    Decision,
    Reopened,
    Suppressed,
    Unsuppressed,
)
from aggregator.domain.quality.aggregates import Source
from aggregator.domain.quality.availability import Device, StateEvent, availability
from aggregator.domain.quality.false_alarms import OutcomeRow, by_rule
from aggregator.domain.read_models import AlertQuery, Batch, ReceivedEvent
from aggregator.domain.store_port import Reader, Store, Writer
from aggregator.ingest.batch_processor import BatchProcessor
from common.clock import SECOND_NS, FakeClock
from protocol.envelope import Event
from protocol.event_types import (
    BoxStarted,
    CameraBack,
    CameraLost,
    Data,
    DoorClosed,
    DoorForced,
    DoorOffline,
    LineCrossed,
    ZoneLeft,
)

from storage.test_stores_contract import alert  # isort: skip

EVERYWHERE = Scope(everywhere=True)
YARD = Source("village", "gate-1", "cam-1", "zone.entered", "yard")
DATA: tuple[Data, ...] = (
    entered(), entered("road"), CameraLost(), CameraBack(), DoorForced(door="d"), DoorClosed(door="d"),
    LineCrossed(line="l", direction="forward", object="person", track=1),
)  # fmt: skip
SITES = ("village", "harbour")


def random_events(dice: random.Random, clock: FakeClock) -> Iterator[Event]:
    for sequence in range(1, 120):
        place, data = dice.choice(("cam-1", "cam-2")), dice.choice(DATA)
        yield event(sequence, data, time_ns=clock.wall_ns(), place=place, site=dice.choice(SITES))


def random_wish(dice: random.Random, alerts: list[Alert], store: Store) -> tuple[Alert, Wish]:
    chosen = dice.choice(alerts)
    others = tuple(it.id for it in alerts if it.site == chosen.site and it.id != chosen.id)[:2]
    its_events = [it.id for it in store.reader().alert_events(chosen, 5)]
    wishes: list[Wish] = [
        Acknowledged(), Acknowledged(), Assigned("wu"), Closed(dice.choice(OUTCOMES)), Closed("real"), Reopened(),
        Suppressed("shelved", "li", START_NS * 2), Unsuppressed(), Merge(others), Split(tuple(its_events[:1])),
    ]  # fmt: skip
    return chosen, dice.choice(wishes)


def play(processor: BatchProcessor, store: Store, clock: FakeClock, dice: random.Random) -> None:
    """A random history with events, decisions of two people, and time."""
    for it in random_events(dice, clock):
        clock.advance(dice.choice((0.5, 3.0, 40.0, 400.0, 9_000.0)))
        processor.process(received(it))
        clock.advance(1.5)
        alerts = store.reader().alerts(AlertQuery(limit=500))
        if alerts and dice.random() < 0.5:
            chosen, wish = random_wish(dice, alerts, store)
            by = Decision(dice.choice(("li", "wu")), dice.choice(("dashboard", "link")))
            processor.decide([Request(chosen.id, wish)], by)
            clock.advance(1.5)
        processor.turn()


def raw_log(reader: Reader, site: str | None) -> tuple[list[AlertFacts], list[LogEntry]]:
    found = [it for it in reader.alerts(AlertQuery(limit=10_000)) if site in (None, it.site)]
    facts = [
        AlertFacts(it.id, Source(it.site, it.box, it.place, it.kind, it.subject), it.severity, it.opened_ns)
        for it in found
    ]
    log = [
        LogEntry(it.id, entry.time_ns, entry.action, entry.via, "split_from" in entry.detail)
        for it in found
        for entry in reader.history(it.id, 10_000)
    ]
    return facts, log


@pytest.mark.parametrize("seed", range(3))
def test_the_figures_equal_a_recomputation_from_the_raw_log(
    processor: BatchProcessor, store: Store, clock: FakeClock, seed: int
) -> None:
    begin_ns = clock.wall_ns()
    play(processor, store, clock, random.Random(seed))
    reader, now_ns = store.reader(), clock.wall_ns()
    middle_ns = (begin_ns + now_ns) // 2
    logs = {site: raw_log(reader, site) for site in (None, *SITES)}
    compared = 0
    for span in ((begin_ns, now_ns), (begin_ns, middle_ns), (middle_ns, now_ns), (now_ns, now_ns + 1)):
        for site in (None, *SITES):
            counted = reader.alert_figures(span, EVERYWHERE, site, now_ns)
            assert counted == recompute(*logs[site], span, now_ns)
            compared += counted.total
    assert compared > 50
    whole = reader.alert_figures((begin_ns, now_ns), EVERYWHERE, None, now_ns)
    assert len(whole.to_acknowledge) > 1
    assert len(whole.to_close) > 1
    assert len(whole.sources) > 5
    assert whole.stale > 0


def put(writer: Writer, *alerts: Alert) -> None:
    writer.apply(Batch(alerts={it.id: it for it in alerts}))


def test_only_what_lies_within_is_counted(store: Store, writer: Writer) -> None:
    put(writer, alert(1), alert(2, place="cam-2"), alert(3, site="harbour"), alert(4, site="harbour", place="pier"))
    for within, site, total in (
        (Scope(), None, 0),
        (EVERYWHERE, None, 4),
        (EVERYWHERE, "harbour", 2),
        (Scope(sites=frozenset({"village"})), None, 2),
        (Scope(sites=frozenset({"village"})), "harbour", 0),
        (Scope(places=frozenset({("harbour", "pier")})), None, 1),
    ):
        assert store.reader().alert_figures((0, 10), within, site, 10).total == total


def test_outcomes_are_counted_by_rule(store: Store, writer: Writer) -> None:
    put(
        writer,
        *(alert(it, "closed", outcome="false_alarm", opened_ns=it) for it in (2, 3, 5)),
        alert(6, "closed", outcome="real", opened_ns=6),
        alert(7, "closed", opened_ns=7),
        alert(8, "closed", merged_into="x", opened_ns=8),
        alert(9, opened_ns=8),
        alert(10, "closed", outcome="test", opened_ns=99),
    )
    rows = store.reader().outcomes((2, 9), EVERYWHERE, None)
    assert OutcomeRow(YARD, "false_alarm", 3, 2, 5) in rows
    (rule,) = by_rule(rows)
    assert (rule.false_alarm, rule.real, rule.unjudged, rule.test, rule.share) == (3, 1, 1, 0, 0.75)
    assert store.reader().outcomes((2, 9), Scope(sites=frozenset({"harbour"})), None) == []


def at(sequence: int, data: Data, seconds: int, **fields: str) -> Event:
    return event(sequence, data, time_ns=START_NS + seconds * SECOND_NS, **fields)  # type: ignore[arg-type]


def left(track: int) -> ZoneLeft:
    return ZoneLeft(zone="yard", object="person", track=track, bbox=(1, 2, 3, 4), confidence=0.9)


def test_a_rule_has_its_events_with_the_outcomes_of_their_alerts(store: Store, writer: Writer) -> None:
    first = msgspec.structs.replace(entered(), track=1, bbox=(10, 20, 30, 80))
    second = msgspec.structs.replace(entered(), track=2)
    made = [at(1, first, 0), at(2, second, 60), at(3, entered("road"), 70), at(4, left(1), 4), at(5, second, 999)]
    owners = {1: alert(1).id, 2: alert(2).id, 5: alert(1).id}
    joined = alert(2, "closed", merged_into=alert(3).id)
    put(writer, alert(1, "closed", outcome="false_alarm"), joined, alert(3, "closed", outcome="real"))
    writer.apply(Batch(events=[ReceivedEvent(it, owners.get(it.sequence), START_NS) for it in made]))
    found = store.reader().rule_events(YARD, (START_NS, START_NS + 100 * SECOND_NS))
    assert [(it.id, it.alert, it.stayed_s) for it in found.events] == [
        (made[1].id, owners[2], None), (made[0].id, owners[1], 4.0),
    ]  # fmt: skip
    assert found.events[1].box == (10, 20, 30, 80)
    assert found.outcomes == {owners[1]: "false_alarm", owners[2]: "real"}
    assert found.complete


def test_states_of_devices_reach_back_before_the_span(store: Store, writer: Writer) -> None:
    made = [
        at(1, CameraLost(), 0), at(2, CameraLost(), 10), at(3, CameraBack(), 50),
        at(4, DoorOffline(door="d"), 60, place="d"),
        at(5, BoxStarted(), 70, place=""), at(6, entered(), 75), at(7, CameraLost(), 80, site="harbour"),
    ]  # fmt: skip
    writer.apply(Batch(events=[ReceivedEvent(it, None, START_NS) for it in made]))
    span = (START_NS + 40 * SECOND_NS, START_NS + 90 * SECOND_NS)
    camera, door = Device("village", "gate-1", "cam-1"), Device("village", "gate-1", "d")
    seen = store.reader().state_events(span, EVERYWHERE, "village")
    assert set(seen) == {
        StateEvent(camera, "camera.lost", START_NS + 10 * SECOND_NS),
        StateEvent(camera, "camera.back", START_NS + 50 * SECOND_NS),
        StateEvent(door, "door.offline", START_NS + 60 * SECOND_NS),
        StateEvent(Device("village", "gate-1", ""), "box.started", START_NS + 70 * SECOND_NS),
    }
    narrow = Scope(places=frozenset({("village", "d")}))
    assert {it.device for it in store.reader().state_events(span, narrow, None)} == {door}


def test_a_box_that_sent_nothing_was_away_as_long_as_its_alert_says(store: Store, writer: Writer) -> None:
    fields = {"kind": "box.lost", "place": "gate-1"}
    put(
        writer,
        alert(1, "closed", first_ns=10, ended_ns=20, **fields), alert(2, "closed", first_ns=30, ended_ns=60, **fields),
        alert(3, "closed", first_ns=70, closed_ns=75, **fields), alert(4, first_ns=90, **fields),
        alert(5, first_ns=100, **fields), alert(6, first_ns=90, **fields | {"site": "harbour"}),
    )  # fmt: skip
    box = Device("village", "gate-1", "")
    seen = store.reader().state_events((40, 100), Scope(sites=frozenset({"village"})), None)
    assert sorted((it.time_ns, it.kind) for it in seen) == [
        (30, "box.lost"), (60, "box.back"), (70, "box.lost"), (75, "box.back"), (90, "box.lost"),
    ]  # fmt: skip
    assert [(it.down_ns, it.outages) for it in availability(seen, [box], (40, 100))] == [(35, 3)]


def test_the_oldest_of_what_has_a_retention(store: Store, writer: Writer) -> None:
    assert set(store.reader().oldest().values()) == {None}
    writer.apply(Batch(events=[ReceivedEvent(event(1, picture=JPEG), None, START_NS)]))
    put(writer, alert(5), alert(7))
    oldest = store.reader().oldest()
    assert (oldest["pictures"], oldest["events"], oldest["alerts"], oldest["record"]) == (START_NS, START_NS, 5, None)
