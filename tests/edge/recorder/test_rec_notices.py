"""What other processes leave to be told reaches the outbox, once, whatever fails in between."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import msgspec
import pytest
from edge_kit import open_outbox, wait_until
from rec_kit import START_NS

from common.clock import SECOND_NS, FakeClock
from common.errors import OutboxError
from edge.recorder.box_events import BoxEvents
from edge.recorder.factory import RecorderService
from edge.recorder.footage import transactional_outbox
from edge.recorder.index import Index
from edge.recorder.retention.legal_holds import Hold
from edge.recorder.retention.retention_worker import CHECK_S
from edge.settings.recorder import RecorderSettings
from protocol.envelope import UnsequencedEvent, decode
from protocol.event_types import FootageErased, FootageExported, FootageHeld

DAY_NS = 86_400 * SECOND_NS
EXPORTED = UnsequencedEvent("cam-1", FootageExported(from_="a", to="b", reason="A-1: theft", by="li"), START_NS)
ERASED = UnsequencedEvent("cam-2", FootageErased(from_="a", to="b", cause="asked"), START_NS + 1)


def hold(number: int, end_ns: int) -> Hold:
    return Hold(
        id=f"h{number}", camera="cam-1", from_ns=START_NS, to_ns=START_NS + 1, owner="li", reason="theft",
        case="A-1", made_ns=START_NS, end_ns=end_ns,
    )  # fmt: skip


def test_notices_go_in_order_and_are_gone_when_they_are_safe(tmp_path: Path) -> None:
    index = Index(tmp_path / "a.sqlite3")
    transactional_outbox.enqueue(index, EXPORTED)
    transactional_outbox.enqueue(index, ERASED)
    index.close()
    index, told = Index(tmp_path / "a.sqlite3"), list[UnsequencedEvent]()
    assert transactional_outbox.drain(index, told.append) == 2
    assert told == [EXPORTED, ERASED]
    assert transactional_outbox.drain(index, told.append) == 0


def test_what_the_outbox_does_not_take_stays_with_all_behind_it() -> None:
    index, told = Index(":memory:"), list[UnsequencedEvent]()
    for draft in (EXPORTED, ERASED, EXPORTED):
        transactional_outbox.enqueue(index, draft)

    def put(draft: UnsequencedEvent) -> None:
        if len(told) == 1:
            raise OutboxError("the disk is full")
        told.append(draft)

    with pytest.raises(OutboxError):
        transactional_outbox.drain(index, put)
    assert told == [EXPORTED]
    told.clear()
    transactional_outbox.drain(index, told.append)
    assert told == [ERASED, EXPORTED]


def test_a_notice_goes_with_its_act_or_neither_happens() -> None:
    index = Index(":memory:")

    def act() -> None:
        with index.transaction():
            index.set_fact("disk", "x")
            transactional_outbox.enqueue(index, ERASED)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        act()
    assert (index.fact("disk"), index.outbox_entries()) == (None, [])


def test_a_hold_is_told_when_it_is_placed_and_when_it_ends_each_once() -> None:
    index, told = Index(":memory:"), list[UnsequencedEvent]()
    first, second = hold(1, START_NS + DAY_NS), hold(2, START_NS + 2 * DAY_NS)
    for _ in range(2):
        transactional_outbox.announce(index, [first], START_NS)
        transactional_outbox.announce(index, [first, second], START_NS)
    for _ in range(2):
        transactional_outbox.announce(index, [first, second], START_NS + DAY_NS)
    transactional_outbox.announce(index, [second], START_NS + DAY_NS)
    transactional_outbox.drain(index, told.append)
    assert [it.time_ns for it in told] == [START_NS, START_NS, START_NS + DAY_NS]
    data = [it.data for it in told]
    assert all(isinstance(it, FootageHeld) and it.by == "li" for it in data)
    assert [msgspec.to_builtins(it)["cause"] for it in data] == ["A-1: theft"] * 2 + [
        f"{transactional_outbox.ENDED}A-1: theft"
    ]


def test_the_running_box_takes_what_another_process_left_into_its_outbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert CHECK_S <= 10
    monkeypatch.setattr("edge.recorder.retention.retention_worker.CHECK_S", 0.05)
    (tmp_path / "footage").mkdir()
    outbox = open_outbox(tmp_path / "data" / "outbox.sqlite3")
    footage = RecorderService(
        RecorderSettings(enabled=True, reserve_mb=16), ["cam-1"], tmp_path, "data", clock=FakeClock(now_ns=START_NS),
        events=BoxEvents("box", send=lambda _event: None, put=lambda event: outbox.put([event])),
    )  # fmt: skip
    footage.start()
    wait_until(partial(getattr, footage.writer, "ready"))
    other = Index(tmp_path / "data" / "footage.sqlite3")
    transactional_outbox.enqueue(other, EXPORTED)
    wait_until(lambda: outbox.store.waiting == 1)
    wait_until(lambda: other.outbox_entries() == [])
    transactional_outbox.enqueue(other, ERASED)  # taken at the latest when the box stops
    footage.stop()
    assert other.outbox_entries() == []
    other.close()
    assert [decode(it.body).data for it in outbox.read(0, 10)] == [EXPORTED.data, ERASED.data]
    outbox.close()
