"""Procedures, ticks, hand-overs and notes in every store."""

from __future__ import annotations

import msgspec
import pytest
from agg_support import START_NS

from aggregator.domain.alerts.history import HistoryEntry
from aggregator.domain.audit import audit_entry
from aggregator.domain.audit.audit_entry import Action, AuditEntry
from aggregator.domain.read_models import Batch
from aggregator.domain.shift.handover import Content, Handover, ShiftNote, freeze, take
from aggregator.domain.shift.procedure import Procedure, Tick
from aggregator.domain.shift.scopes import ScopeFilter
from aggregator.domain.shift.step import Step
from aggregator.domain.store_port import Store, Writer
from common.errors import ContractError

from storage.test_stores_contract import alert  # isort: skip

EVERYTHING = ScopeFilter(everywhere=True)
STEPS = (Step(en="Look.", required=True), Step(zh_CN="通知保安。"))


def act(what: Action) -> AuditEntry:
    return AuditEntry(time_ns=START_NS, who="li", what=what)


def audited(store: Store) -> list[str]:
    return [audit_entry.decode(it).what for _, it in store.reader().audit_entries(0, 100)]


def version(number: int, site: str = "", kind: str = "door.forced") -> Procedure:
    return Procedure(kind=kind, site=site, version=number, steps=STEPS, made_by="li", made_ns=number)


def test_versions_are_added_and_never_replaced(store: Store, writer: Writer) -> None:
    changed = act("procedure.changed")
    assert writer.add_procedure(version(1), changed)
    assert not writer.add_procedure(version(1), changed)
    assert not writer.add_procedure(version(3), changed)
    assert writer.add_procedure(version(2), changed)
    assert writer.add_procedure(version(1, "village"), changed)
    assert writer.add_procedure(version(1, "harbour"), changed)
    assert writer.add_procedure(version(1, kind="door.held"), changed)
    reader = store.reader()
    assert reader.procedure_versions("door.forced", "village") == [version(1), version(2), version(1, "village")]
    assert len(reader.procedure_versions()) == 5
    assert reader.newest_procedures() == [
        version(2), version(1, "harbour"), version(1, "village"), version(1, kind="door.held"),
    ]  # fmt: skip
    assert audited(store) == ["procedure.changed"] * 5


def told(number: int, action: str) -> HistoryEntry:
    return HistoryEntry(
        id=f"00000000-0000-7000-8000-{number:012d}", alert=alert(1).id, time_ns=number, actor="li", via="dashboard",
        action=action,
    )  # fmt: skip


def test_a_tick_is_written_with_its_history_and_audit_entry(store: Store, writer: Writer) -> None:
    writer.apply(Batch(alerts={alert(1).id: alert(1)}))
    tick = Tick(alert=alert(1).id, step=2, by="li", time_ns=5)
    assert writer.put_tick(tick, told(1, "step_done"), act("procedure.ticked"))
    assert not writer.put_tick(msgspec.structs.replace(tick, by="wu"), told(2, "step_done"), act("procedure.ticked"))
    assert store.reader().procedure_ticks([alert(1).id, "x"]) == [tick]
    assert writer.remove_tick(tick.alert, 2, told(3, "step_undone"), act("procedure.unticked"))
    assert not writer.remove_tick(tick.alert, 2, told(4, "step_undone"), act("procedure.unticked"))
    assert store.reader().procedure_ticks([alert(1).id]) == []
    assert [it.action for it in store.reader().history(tick.alert, 9)] == ["step_undone", "step_done"]
    assert audited(store) == ["procedure.ticked", "procedure.unticked"]


def document(number: int, scope: str = "village", at_ns: int = 10) -> Handover:
    content = Content(
        scope=scope, since_ns=None, at_ns=at_ns, counts={}, alerts=(), hidden_count=0, hidden=(), devices=(), notes=()
    )
    return freeze(content, f"h-{number}", "li")


def test_a_document_is_signed_once_and_a_newer_one_replaces_it(store: Store, writer: Writer) -> None:
    first, second = document(1), document(2, at_ns=20)
    made, signed = act("handover.made"), act("handover.taken")
    writer.put_handover(first, made)
    assert store.reader().handover("h-1") == first
    writer.put_handover(second, made)
    writer.put_handover(document(3, "harbour", 30), made)
    replaced = store.reader().handover("h-1")
    assert replaced is not None
    assert replaced.state == "replaced"
    taken = take(second, "wu", second.digest, 40)
    assert not writer.take_handover(take(first, "wu", first.digest, 40), signed)
    assert writer.take_handover(taken, signed)
    assert not writer.take_handover(msgspec.structs.replace(taken, taken_by="chen"), signed)
    assert store.reader().handover("h-2") == taken == store.reader().last_taken("village")
    assert store.reader().last_taken("harbour") is None
    assert audited(store) == ["handover.made"] * 3 + ["handover.taken"]


def test_a_store_refuses_two_signatures_of_one_person(writer: Writer) -> None:
    writer.put_handover(document(1), act("handover.made"))
    same = msgspec.structs.replace(document(1), state="taken", taken_by="li", taken_ns=40)
    with pytest.raises(ContractError):
        writer.take_handover(same, act("handover.taken"))


def test_documents_come_by_scope_and_page_by_page(store: Store, writer: Writer) -> None:
    for number, scope in enumerate(("village", "village/halls", "harbour", "*"), 1):
        writer.put_handover(document(number, scope, number), act("handover.made"))
    read = store.reader().handovers
    assert [it.id for it in read(EVERYTHING, 3)] == ["h-4", "h-3", "h-2"]
    assert [it.id for it in read(EVERYTHING, 3, (2, "h-2"))] == ["h-1"]
    assert [it.id for it in read(ScopeFilter(sites=frozenset({"village"})), 9)] == ["h-2", "h-1"]
    assert [it.id for it in read(ScopeFilter(scopes=frozenset({"village/halls"})), 9)] == ["h-2"]
    assert read(ScopeFilter(), 9) == []


def test_notes_come_by_scope_since_a_time(store: Store, writer: Writer) -> None:
    notes = [
        ShiftNote(id=f"n-{number}", scope=scope, by="li", time_ns=number, text="门禁已修。\n复查")
        for number, scope in enumerate(("village", "village/halls", "harbour", "village"), 1)
    ]
    for note in notes:
        writer.add_shift_note(note, act("shift.noted"))
    village = ScopeFilter(sites=frozenset({"village"}))
    assert store.reader().shift_notes(village, 0, 9) == [notes[0], notes[1], notes[3]]
    assert store.reader().shift_notes(village, 0, 2) == [notes[1], notes[3]]
    assert store.reader().shift_notes(village, 2, 9) == [notes[1], notes[3]]
    assert audited(store) == ["shift.noted"] * 4


def test_what_repeats_alerts_is_kept_no_longer_than_they_are(store: Store, writer: Writer) -> None:
    writer.apply(Batch(alerts={alert(1).id: alert(1)}))
    writer.put_tick(Tick(alert=alert(1).id, step=1, by="li", time_ns=5), told(1, "step_done"), act("procedure.ticked"))
    writer.put_handover(document(1, at_ns=10), act("handover.made"))
    writer.put_handover(document(2, at_ns=90), act("handover.made"))
    writer.add_shift_note(ShiftNote(id="n", scope="*", by="li", time_ns=9, text="x"), act("shift.noted"))
    assert writer.purge("alerts", 50, 100, act("erased")) == 3
    assert store.reader().procedure_ticks([alert(1).id]) == []
    assert [it.id for it in store.reader().handovers(EVERYTHING, 9)] == ["h-2"]
    assert store.reader().shift_notes(EVERYTHING, 0, 9) == []
