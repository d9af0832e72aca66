"""Clips: every transition, and what every store must do with them."""

from __future__ import annotations

from agg_fakes import received

from aggregator.domain import clip as moves
from aggregator.domain.alerts.rules import RULES
from aggregator.domain.audit import audit_entry
from aggregator.domain.clip import GIVE_UP_NS, KINDS, Clip
from aggregator.domain.read_models import AlertQuery, Batch
from aggregator.domain.store_port import Store, Writer
from aggregator.ingest.batch_processor import BatchProcessor
from common.clock import DAY_NS, SECOND_NS, FakeClock
from protocol.event_types import CameraLost, Data

from agg_support import START_NS, event  # isort: skip
from storage.test_stores_contract import alert  # isort: skip


def made(number: int = 1, first_s: float = 0.0) -> Clip:
    found = moves.request_for_alert(alert(number, first_ns=START_NS + round(first_s * SECOND_NS)), START_NS, 30)
    assert found is not None
    return found


def test_only_what_a_camera_saw_gets_a_clip() -> None:
    kinds = {
        kind
        for kind in RULES
        if moves.request_for_alert(alert(1, kind=kind, first_ns=START_NS), START_NS, 30) is not None
    }
    assert kinds == set(KINDS)
    assert not any(kind.startswith(("camera.", "footage.", "disk.", "outbox.")) for kind in kinds)
    assert not {"door.offline", "door.denied"} & kinds


def test_a_clip_goes_from_ten_seconds_before_to_twenty_after_and_is_asked_for_when_it_is_over() -> None:
    clip = made()
    assert (clip.from_ns, clip.to_ns) == (START_NS - 10 * SECOND_NS, START_NS + 20 * SECOND_NS)
    assert clip.next_ns == START_NS + 25 * SECOND_NS
    assert made(first_s=-300).next_ns == START_NS  # an event that came late
    assert made(first_s=10**6).next_ns == START_NS + 3600 * SECOND_NS  # a box whose clock is far ahead


def test_pauses_grow_up_to_an_hour_and_a_day_is_the_end() -> None:
    clip, now_ns, pauses = made(), START_NS, []
    while moves.expire(clip, now_ns) is None:
        clip = moves.mark_requested(clip, now_ns, "offline")
        pauses.append((clip.next_ns - now_ns) // SECOND_NS)
        now_ns = clip.next_ns
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[1], pauses[-1]) == (15, 30, 3600)
    assert len(pauses) < 40
    over = moves.expire(clip, START_NS + GIVE_UP_NS)
    assert over is not None
    assert (over.state, over.open) == ("failed", False)
    assert "offline" in over.problem
    stored = moves.mark_stored(clip, 9, "ab")
    assert moves.expire(stored, START_NS + GIVE_UP_NS) is None


def test_an_offline_box_leaves_it_wanted_and_an_answer_makes_it_asked() -> None:
    assert moves.mark_requested(made(), START_NS, "offline").state == "wanted"
    assert moves.mark_requested(made(), START_NS).state == "asked"
    assert moves.mark_requested(moves.mark_requested(made(), START_NS), START_NS, "offline").state == "asked"


def test_every_store_keeps_changes_and_forgets_clips(store: Store, writer: Writer) -> None:
    reader = store.reader()
    one, two, three = made(1), made(2, 60), made(3)
    writer.apply(Batch(clips=[one, two, three]))
    writer.apply(Batch(clips=[moves.mark_failed(one, "never")]))  # wanted once
    assert reader.clip(one.id) == one
    assert reader.clip("nothing") is None
    assert [it.id for it in reader.due_clips(START_NS + 30 * SECOND_NS, 9)] == [one.id, three.id]
    assert len(reader.due_clips(START_NS + 30 * SECOND_NS, 1)) == 1
    asked = moves.mark_requested(one, START_NS)
    assert writer.change_clip(one, asked)
    assert not writer.change_clip(one, moves.mark_failed(one, "late"))  # it is not any more what it was
    assert writer.change_clip(asked, moves.mark_stored(asked, 1234, "ab"))
    assert writer.change_clip(three, moves.mark_failed(three, "no footage"))
    assert reader.stored_clips([one.id, two.id, three.id]) == {one.id}
    assert [it.id for it in reader.due_clips(START_NS + DAY_NS, 9)] == [two.id]
    assert reader.expired_clips(START_NS + 29 * DAY_NS, 9) == []
    old = reader.expired_clips(START_NS + 30 * DAY_NS, 9)
    assert {it.id for it in old} == {one.id, two.id, three.id}
    writer.delete_clip(one.id, moves.erasure(old[0], START_NS))
    writer.delete_clip(one.id, moves.erasure(old[0], START_NS))
    assert reader.clip(one.id) is None
    (act,) = [audit_entry.decode(entry) for _, entry in reader.audit_entries(0, 9)]
    assert (act.what, act.who, act.reason) == ("erased", "system", "ceiling")


def test_an_alert_wants_one_clip_whatever_is_merged_into_it(
    processor: BatchProcessor, store: Store, clock: FakeClock
) -> None:
    def take(number: int, data: Data | None = None) -> None:
        its = event(number, data, time_ns=clock.wall_ns())
        processor.process(received(its))
        clock.advance(30)

    take(1)
    take(2)
    take(3, CameraLost())
    reader = store.reader()
    alerts = {it.kind: it for it in reader.alerts(AlertQuery())}
    assert alerts["zone.entered"].count == 2
    wanted = reader.due_clips(START_NS + DAY_NS, 9)
    assert [(it.id, it.from_ns) for it in wanted] == [(alerts["zone.entered"].id, START_NS - 10 * SECOND_NS)]
