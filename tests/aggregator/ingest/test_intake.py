from __future__ import annotations

import json
from typing import Any

import pytest
from agg_support import EPOCH, JPEG, START_NS, event

from aggregator.domain.read_models import KEPT_BYTES
from aggregator.ingest.message_validator import FUTURE_LIMIT_S, InvalidMessage, StatusReceived, quarantined, validate
from common.clock import SECOND_NS
from protocol import receipts
from protocol.envelope import MAX_MESSAGE_BYTES, Event, encode
from protocol.event_types import OutboxLost
from protocol.topics import BoxTopics

TOPICS = BoxTopics("village", "gate-1")


def changed(**fields: Any) -> bytes:
    return json.dumps(json.loads(encode(event(7, picture=JPEG))) | fields).encode()


def test_a_good_event_passes() -> None:
    assert validate(TOPICS.events, encode(event(7)), START_NS) == event(7)


def test_the_near_future_passes_and_the_far_one_does_not() -> None:
    limit_ns = FUTURE_LIMIT_S * SECOND_NS
    assert isinstance(validate(TOPICS.events, encode(event(7, time_ns=START_NS + limit_ns)), START_NS), Event)
    verdict = validate(TOPICS.events, encode(event(7, time_ns=START_NS + limit_ns + 1)), START_NS)
    assert isinstance(verdict, InvalidMessage)
    assert verdict.reason.startswith("$.time: 600 s in the future")


def test_a_status_passes() -> None:
    status = receipts.BoxStatus(online=True, epoch=EPOCH)
    assert validate(TOPICS.status, receipts.encode(status), START_NS) == StatusReceived("village", "gate-1", status)


BAD = [
    ("not JSON", b"{nonsense", "malformed"),
    ("empty", b"", "truncated"),
    ("not UTF-8", b'{"id": "\xff"}', "utf-8"),
    ("wrong version", changed(type="paifang.zone.entered.v2"), "$.type"),
    ("unknown kind", changed(type="paifang.face.matched.v1"), "$.type"),
    ("missing", changed(data={"zone": "yard"}), "object"),
    ("not a UUIDv7", changed(id="1"), "$.id"),
    ("another box's", changed(source="/village/gate-2/cam-1"), "does not belong"),
    ("another site's", changed(source="/estate/gate-1/cam-1"), "does not belong"),
    ("bad name", changed(source="/village/gate-1/a b"), "place"),
    ("before 1970", changed(time="1969-12-31T23:59:59Z"), "before 1970"),
    ("no picture", changed(picture="aGVsbG8="), "$.picture"),
    ("huge", changed(padding="x" * MAX_MESSAGE_BYTES), "at most 262144"),
    ("deep", b'{"x":' + b"[" * 100_000, "recursion"),
]


@pytest.mark.parametrize(("name", "payload", "part"), BAD, ids=[row[0] for row in BAD])
def test_what_breaks_the_contract_is_rejected_with_a_reason(name: str, payload: bytes, part: str) -> None:
    verdict = validate(TOPICS.events, payload, START_NS)
    assert isinstance(verdict, InvalidMessage)
    assert part.lower() in verdict.reason.lower()


@pytest.mark.parametrize(
    "topic", ["", "x", "paifang/v1/village/gate-1/other", "paifang/v1/vil lage/gate-1/events", "\0"]
)
def test_topics_that_are_none_of_ours_are_rejected(topic: str) -> None:
    assert isinstance(validate(topic, encode(event(7)), START_NS), InvalidMessage)


def test_a_broken_status_is_rejected() -> None:
    assert isinstance(validate(TOPICS.status, b"{}", START_NS), InvalidMessage)


@pytest.mark.parametrize(
    ("payload", "sequence"),
    [
        (changed(type="paifang.zone.entered.v2"), 7),
        (changed(padding="x" * MAX_MESSAGE_BYTES), 7),
        (changed(source="/village/gate-2/cam-1"), 0),
        (changed(sequence=0), 0),
        (b"{nonsense", 0),
    ],
)
def test_a_rejected_message_settles_only_its_own_number(payload: bytes, sequence: int) -> None:
    verdict = validate(TOPICS.events, payload, START_NS)
    assert isinstance(verdict, InvalidMessage)
    assert verdict.sequence == sequence
    assert (verdict.site, verdict.box, verdict.epoch) == (("village", "gate-1", EPOCH) if sequence else ("", "", ""))


@pytest.mark.parametrize("sequences", [((0, 3),), ((3, 2),), ((5, 10),), ((1, 2**62),)])
def test_a_box_cannot_declare_numbers_lost_that_it_has_not_used(sequences: tuple[tuple[int, int], ...]) -> None:
    lost = event(10, OutboxLost(count=1, sequences=sequences), place="gate-1")
    assert isinstance(validate(TOPICS.events, encode(lost), START_NS), InvalidMessage)


def test_the_quarantine_keeps_the_start_of_a_message() -> None:
    entry = quarantined("t" * 900, b"x" * 200_000, "r" * 900, 5)
    assert (len(entry.topic), len(entry.payload), entry.size, len(entry.reason)) == (400, KEPT_BYTES, 200_000, 400)


@pytest.mark.parametrize("topic", [TOPICS.events, TOPICS.status, TOPICS.reply("018f0000-0000-7000-8000-000000000001")])
@pytest.mark.parametrize("payload", [b'{"online":true,"x":' + b"[" * 5_000, b"[" * 5_000, b"1" * 5_000, b'"\\ud800"'])
def test_no_bytes_on_any_topic_raise(topic: str, payload: bytes) -> None:
    assert isinstance(validate(topic, payload, START_NS), InvalidMessage)


def test_whatever_judging_raises_rejects_the_message_with_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: bytes) -> Event:
        raise MemoryError("too much")

    monkeypatch.setattr("aggregator.ingest.message_validator.envelope.decode", fail)
    verdict = validate(TOPICS.events, encode(event(7)), START_NS)
    assert isinstance(verdict, InvalidMessage)
    assert (verdict.sequence, verdict.reason) == (7, "MemoryError: too much")


def test_a_confession_of_more_numbers_than_an_outbox_holds_is_rejected() -> None:
    huge = event(2**62, OutboxLost(count=1, sequences=((1, 2**62 - 1),)), place="gate-1", number=1)
    verdict = validate(TOPICS.events, encode(huge), START_NS)
    assert isinstance(verdict, InvalidMessage)
    assert verdict.reason.startswith("$.data.sequences")


def test_a_dead_letter_holds_text_that_every_database_takes() -> None:
    entry = quarantined("paifang/\0/\ud800", b"x", "a\0b", START_NS)
    assert (entry.topic, entry.reason) == ("paifang/?/?", "a?b")
