"""Consumers and the feed in every store."""

from __future__ import annotations

import contextlib
import threading

import msgspec
import pytest
from agg_fakes import received
from agg_support import JPEG, START_NS, event

from aggregator.domain.alerts.decisions import Request
from aggregator.domain.alerts.types import Acknowledged, Decision
from aggregator.domain.audit import audit_entry
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.feeds.consumer import Consumer, Selection, changed, with_token
from aggregator.domain.feeds.feed_entry import ConsumerUse, FeedSpan, Receipt
from aggregator.domain.feeds.video_output import LiveOutput, switched
from aggregator.domain.read_models import Batch, ReceivedEvent
from aggregator.domain.store_port import Store, Writer
from aggregator.ingest.batch_processor import BatchProcessor
from common.clock import DAY_NS
from common.errors import ContractError
from protocol.event_types import DoorForced, DoorGranted

HOUR = START_NS // (3600 * 10**9)


def consumer(number: int = 1, name: str = "") -> Consumer:
    return Consumer(
        id=f"01890000-0000-7000-8000-{number:012d}", name=name or f"platform {number}", contact="duty@example",
        purpose="dispatching patrols", basis="agreement 14", selection=Selection(places=("village",)),
        requests_per_minute=60, events_per_hour=100, ends_ns=START_NS + 30 * DAY_NS, created_by="li",
        created_ns=START_NS,
    )  # fmt: skip


def act(change: str = "requested") -> AuditEntry:
    return AuditEntry(time_ns=START_NS, who="li", what="consumer.changed", detail={"change": change})


def approved(writer: Writer, number: int = 1) -> Consumer:
    """A consumer that is approved and has a token."""
    made = consumer(number)
    assert writer.add_consumer(made, act())
    active = with_token(changed(made, "approved", "zhao", START_NS), f"hash {number}", START_NS)
    assert writer.change_consumer(made, active, act("approved"))
    return active


def audited(store: Store) -> list[AuditEntry]:
    return [audit_entry.decode(it) for _, it in store.reader().audit_entries(0, 100)]


def test_consumers_are_kept_with_their_audit_entries_and_changed_only_from_what_was_read(
    store: Store, writer: Writer
) -> None:
    made, reader = consumer(), store.reader()
    assert writer.add_consumer(made, act())
    assert not writer.add_consumer(consumer(2, made.name), act()), "names are unique"
    active = with_token(changed(made, "approved", "zhao", START_NS), "hash", START_NS)
    assert writer.change_consumer(made, active, act("approved"))
    assert not writer.change_consumer(made, changed(made, "refused", "zhao", START_NS), act("refused"))
    assert reader.consumers() == [active]
    assert (reader.consumer(made.id), reader.consumer_by_token("hash")) == (active, active)
    assert (reader.consumer("x"), reader.consumer_by_token("x")) == (None, None)
    assert [it.detail["change"] for it in audited(store)] == ["requested", "approved"]


@pytest.mark.parametrize(
    "wrong", [{"state": "active"}, {"state": "active", "decided_by": "li"}, {"state": "refused", "decided_by": "li"}]
)
def test_the_database_itself_refuses_a_consumer_without_a_second_person(writer: Writer, wrong: dict[str, str]) -> None:
    with pytest.raises(ContractError):
        writer.add_consumer(msgspec.structs.replace(consumer(), **wrong), act())
    made = consumer()
    assert writer.add_consumer(made, act())
    with pytest.raises(ContractError):
        writer.change_consumer(made, msgspec.structs.replace(made, version=2, **wrong), act())


def test_nothing_is_kept_for_the_feed_while_there_is_no_approved_consumer(
    store: Store, writer: Writer, processor: BatchProcessor
) -> None:
    writer.add_consumer(consumer(), act())
    processor.process(received(event(1)))
    assert store.reader().feed_span() == FeedSpan(0, 0)


def test_events_and_changes_of_alerts_come_in_the_order_of_their_commits_without_gaps(
    store: Store, writer: Writer, processor: BatchProcessor
) -> None:
    approved(writer)
    forced = event(1, DoorForced(door="hall"), place="hall", picture=JPEG)
    processor.process(received(forced))
    processor.process(received(forced))  # the same one again has no effect
    processor.process(received(event(2, DoorGranted(door="hall"), place="hall")))
    found = store.reader().feed_entries(0, 10)
    assert [it.position for it in found] == [1, 2, 3]
    assert [(it.content, it.kind, it.severity, it.picture) for it in found] == [
        ("events", "door.forced", "critical", True), ("alerts", "door.forced", "critical", False),
        ("events", "door.granted", "", False),
    ]  # fmt: skip
    assert store.reader().feed_span() == FeedSpan(0, 3)
    assert [it.position for it in store.reader().feed_entries(1, 1)] == [2]
    assert store.reader().feed_entry_of(forced.id) == found[0]
    assert store.reader().feed_entry_of("x") is None


def test_nothing_is_kept_once_the_last_consumer_has_ended(store: Store, writer: Writer) -> None:
    ends_ns = approved(writer).ends_ns
    for number, time_ns in enumerate((ends_ns - 1, ends_ns)):
        data = event(number, DoorGranted(door="hall"), number=number)
        writer.apply(Batch(events=[ReceivedEvent(data, None, time_ns)]))
    assert [it.time_ns for it in store.reader().feed_entries(0, 10)] == [ends_ns - 1]


def test_a_person_s_decision_is_a_change_and_one_more_event_alone_is_none(
    store: Store, writer: Writer, processor: BatchProcessor
) -> None:
    approved(writer)
    processor.process(received(event(1)))
    processor.process(received(event(2)))
    alert_id = next(it.ref for it in store.reader().feed_entries(0, 10) if it.content == "alerts")
    processor.decide([Request(alert_id, Acknowledged())], Decision("zhao", "api"))
    found = store.reader().feed_entries(0, 10)
    assert [it.content for it in found] == ["events", "alerts", "events", "alerts"]
    body = msgspec.json.decode(found[-1].body)
    assert body["data"]["actions"] == ["acknowledged"]
    assert "zhao" not in found[-1].body


def test_what_is_too_old_is_erased_from_the_feed_and_its_numbers_are_not_given_again(
    store: Store, writer: Writer, processor: BatchProcessor
) -> None:
    approved(writer)
    processor.process(received(event(1), event(2, DoorGranted(door="hall"), place="hall")))
    erased = AuditEntry(time_ns=START_NS, who="system", what="erased")
    assert writer.purge("feed", START_NS, 100, erased) == 0
    assert writer.purge("feed", START_NS + 1, 1, erased) == 1
    assert store.reader().feed_span() == FeedSpan(1, 3)
    assert writer.purge("feed", START_NS + 1, 100, erased) == 2
    assert store.reader().feed_span() == FeedSpan(3, 3)
    processor.process(received(event(3, DoorGranted(door="hall"), place="hall")))
    assert [it.position for it in store.reader().feed_entries(0, 10)] == [4]


def test_a_reader_beside_two_writers_misses_nothing_and_sees_nothing_twice(store: Store) -> None:
    """Numbers appear in their order: what a reader has passed is never filled up behind it."""
    most, found = 40, list[int]()
    with contextlib.closing(store.writer()) as one, contextlib.closing(store.writer(sole=False)) as other:
        approved(one)

        def write(writer: Writer, base: int) -> None:
            for number in range(most):
                data = event(base + number, DoorGranted(door="hall"), number=base + number)
                writer.apply(Batch(events=[ReceivedEvent(data, None, START_NS)]))

        threads = [threading.Thread(target=write, args=it) for it in ((one, 1_000), (other, 2_000))]
        for thread in threads:
            thread.start()
        while any(it.is_alive() for it in threads) or store.reader().feed_span().newest > len(found):
            found += [it.position for it in store.reader().feed_entries(found[-1] if found else 0, 1_000)]
    assert found == list(range(1, 2 * most + 1))


def receipt(events: int, position: int, hour: int = HOUR) -> Receipt:
    return Receipt(consumer=consumer().id, hour=hour, events=events, position=position, now_ns=START_NS)


def test_what_is_handed_over_is_counted_up_to_the_quota_and_once_an_hour_in_the_audit_log(
    store: Store, writer: Writer
) -> None:
    active, reader = approved(writer), store.reader()
    assert writer.take_from_feed(receipt(60, 60), 100)
    assert not writer.take_from_feed(receipt(41, 101), 100)
    assert writer.take_from_feed(receipt(40, 100), 100)
    assert writer.take_from_feed(receipt(0, 120), 100), "nothing was for it, but it has read on"
    assert writer.take_from_feed(receipt(5, 125, HOUR + 1), 100)
    assert reader.consumer_uses(HOUR)[active.id] == ConsumerUse(events=100, position=125, seen_ns=START_NS)
    assert writer.log_feed_use(HOUR, START_NS, 10) == 0
    assert writer.log_feed_use(HOUR + 1, START_NS, 10) == 1
    assert writer.log_feed_use(HOUR + 1, START_NS, 10) == 0
    sent = [it for it in audited(store) if it.what == "feed.sent"]
    assert [(it.target, it.detail["events"]) for it in sent] == [(active.name, "100")]
    paused = changed(active, "paused", "li", START_NS)
    assert writer.change_consumer(active, paused, act("paused"))
    assert not writer.take_from_feed(receipt(1, 126), 100)


def test_outputs_of_video_are_kept_while_their_consumer_is_active_and_changed_only_from_what_was_read(
    store: Store, writer: Writer
) -> None:
    active, reader = approved(writer), store.reader()
    made = [
        LiveOutput(
            id=f"01890000-0000-7000-8000-{number:012d}", consumer=active.id, site="village", box="gate-1",
            camera="yard", scheme="rtmps", host="pool.example", address=b"sealed", made_by="li", made_ns=START_NS,
        ) for number in range(3)
    ]  # fmt: skip
    assert [writer.add_video_output(it, 2, act("video output added")) for it in made] == [True, True, False]
    assert reader.video_outputs(active.id) == made[:2]
    assert reader.wanted_video_outputs(START_NS, 10) == made[:2]
    paused = switched(made[0], "paused")
    assert writer.change_video_output(made[0], paused, act("video output paused"))
    assert not writer.change_video_output(made[0], paused), "it has changed meanwhile"
    assert (writer.video_output_now(made[0].id), reader.video_output(made[0].id)) == (paused, paused)
    assert reader.wanted_video_outputs(START_NS, 10) == made[1:2]
    assert reader.wanted_video_outputs(active.ends_ns, 10) == []
    assert writer.change_consumer(active, changed(active, "paused", "li", START_NS), act("paused"))
    assert reader.wanted_video_outputs(START_NS, 10) == []
    assert writer.drop_video_output(made[0].id, act("video output removed"))
    assert not writer.drop_video_output(made[0].id, act("video output removed"))
    assert [it.detail["change"] for it in audited(store)][2:] == [
        "video output added", "video output added", "video output paused", "paused", "video output removed",
    ]  # fmt: skip
