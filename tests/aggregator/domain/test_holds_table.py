"""Legal holds: every change that there can be, and that each is in the audit log, in both stores."""

from __future__ import annotations

from itertools import product
from typing import get_args

import msgspec
import pytest
from agg_support import START_NS

from aggregator.domain.audit.audit_entry import decode
from aggregator.domain.investigation import hold as moves
from aggregator.domain.investigation.hold import STATES, TRANSITIONS, Change, Hold, State, Transition
from aggregator.domain.store_port import Store, Writer
from common.clock import DAY_NS, SECOND_NS
from common.errors import CaseError, ContractError

DEEDS: tuple[Transition, ...] = get_args(Transition)
NUMBER = "01a0e4d9-5c00-7000-8000-00000000000{}"
UNTIL_NS = START_NS + 30 * DAY_NS
HOLD = Hold(
    id=NUMBER.format(1), case_id="2026/118", site="village", box="gate-1", camera="yard", from_ns=START_NS - 9,
    to_ns=START_NS - 1, until_ns=UNTIL_NS, reason="theft of a bicycle", placed_by="li", placed_ns=START_NS,
)  # fmt: skip


def moved(before: Hold, deed: str, now_ns: int = START_NS + 5) -> Hold:
    if deed == "end":
        return moves.end(before, "wang", "handed over", now_ns, "command").after
    if deed == "refuse":
        return moves.refuse(before, "wang", "the disk failed", now_ns).after
    return moves.confirm(before).after


def at(state: State) -> Hold:
    ended = {"ended_by": "zhao", "ended_ns": START_NS + 1, "end_reason": "x y z"} if state.startswith("end") else {}
    return msgspec.structs.replace(HOLD, state=state, **ended)


@pytest.mark.parametrize(("state", "deed"), list(product(STATES, DEEDS)))
def test_every_change_is_one_of_the_table(state: State, deed: Transition) -> None:
    wanted = TRANSITIONS.get((state, deed))
    if wanted is None:
        with pytest.raises((CaseError, KeyError)):
            moved(at(state), deed)
        return
    after = moved(at(state), deed)
    assert after.state == wanted
    assert (after.ended_by != "") == (wanted in ("ending", "ended"))
    assert (after.from_ns, after.to_ns, after.until_ns, after.reason) == (
        HOLD.from_ns, HOLD.to_ns, HOLD.until_ns, HOLD.reason,
    )  # fmt: skip


def test_a_hold_that_has_ended_by_itself_is_ended_by_nobody() -> None:
    placed = at("placed")
    assert (placed.can_end(UNTIL_NS - 1), placed.can_end(UNTIL_NS)) == (True, False)
    with pytest.raises(CaseError, match="has ended"):
        moved(placed, "end", UNTIL_NS)


def test_each_change_is_stored_with_its_entry_and_once(store: Store, writer: Writer) -> None:
    writer.add_hold(HOLD, moves.placing(HOLD))
    placed = moves.confirm(HOLD)
    assert [writer.change_hold(placed) for _ in range(2)] == [True, False]
    first = moves.end(placed.after, "wang", "handed over", START_NS + 5, "c1")
    second = moves.end(placed.after, "zhao", "handed over too", START_NS + 6, "c2")
    assert [writer.change_hold(it) for it in (first, second)] == [True, False], "somebody was faster"
    again = moves.end(first.after, "zhao", "the box was silent", START_NS + 7, "c3")
    late = moves.confirm(first.after)
    assert [writer.change_hold(it) for it in (again, late)] == [True, False], "an answer to an earlier request"
    writer.change_hold(moves.refuse(again.after, "zhao", "the disk failed", START_NS + 8))
    assert store.reader().hold(HOLD.id) == placed.after
    writer.change_hold(Change(placed.after, moved(placed.after, "end")))
    writer.change_hold(moves.confirm(moved(placed.after, "end")))
    kept = store.reader().hold(HOLD.id)
    assert kept is not None
    assert (kept.state, kept.ended_by, kept.end_reason) == ("ended", "wang", "handed over")
    log = [decode(entry) for _, entry in store.reader().audit_entries(0, 10)]
    assert [(it.what, it.who, it.reason, it.case, it.target) for it in log] == [
        (what, who, reason, "2026/118", "gate-1/yard")
        for what, who, reason in (
            ("hold", "li", "theft of a bicycle"),
            ("hold.ended", "wang", "handed over"),
            ("hold.ended", "zhao", "the box was silent"),
            ("hold.refused", "zhao", "the disk failed"),
        )
    ]
    assert {it.detail["hold"] for it in log} == {HOLD.id}


def test_the_table_refuses_an_end_without_a_person_and_a_reason(store: Store, writer: Writer) -> None:
    writer.add_hold(at("placed"), moves.placing(HOLD))
    for fields in ({}, {"ended_by": "li"}, {"end_reason": "x"}):
        with pytest.raises(ContractError):
            writer.change_hold(Change(at("placed"), msgspec.structs.replace(at("placed"), state="ended", **fields)))
    assert store.reader().hold(HOLD.id) == at("placed")
    assert len(store.reader().audit_entries(0, 10)) == 1


def test_holds_of_a_case_are_read_page_by_page(store: Store, writer: Writer) -> None:
    for number in range(1, 6):
        case = "other" if number == 3 else "2026/118"
        made = msgspec.structs.replace(HOLD, id=NUMBER.format(number), case_id=case, placed_ns=START_NS + SECOND_NS)
        writer.add_hold(made, moves.placing(made))
    read = store.reader()
    assert [it.id[-1] for it in read.holds("2026/118", 9)] == ["5", "4", "2", "1"]
    assert [it.id[-1] for it in read.holds("2026/118", 2, NUMBER.format(4))] == ["2", "1"]
    assert read.holds("2026/118", 2, NUMBER.format(1)) == read.holds("none", 9) == []
    assert read.hold("none") is None
