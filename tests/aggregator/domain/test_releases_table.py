"""Releases: every move from every state, and what every store holds them to."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from agg_support import START_NS

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.audit.audit_entry import AuditEntry, decode
from aggregator.domain.investigation import release as moves
from aggregator.domain.investigation.release import STATES, TRANSITIONS, Change, Release, State, Transition
from aggregator.domain.store_port import Store, Writer
from aggregator.storage.writer import SqlWriter
from common.clock import DAY_NS, SECOND_NS
from common.errors import ContractError, ReleaseError

ID = "0198c0de-0000-7000-8000-00000000000{}"
MINUTE_NS = 60 * SECOND_NS
NOW_NS = START_NS + 60 * MINUTE_NS
FIELDS: dict[str, object] = {
    "id": ID.format(1), "case_id": "A-117", "site": "village", "box": "gate-1", "camera": "cam-1",
    "from_ns": START_NS, "to_ns": START_NS + MINUTE_NS, "reason": "who broke the barrier",
}  # fmt: skip


def asked(**changed: object) -> tuple[Release, AuditEntry]:
    return moves.ask({**FIELDS, **changed}, "li", NOW_NS)


def in_state(state: str) -> Release:
    """A release that stands there, as it would."""
    decided = {} if state in ("requested", "expired") else {"decided_by": "wang", "decided_ns": NOW_NS}
    there = state in ("ready", "fetched")
    copy = {"sealed": b"s", "object": "release/x", "size": 9, "expires_ns": NOW_NS + MINUTE_NS} if there else {}
    key = {"sealed": b"s"} if state == "approved" else {}
    return msgspec.structs.replace(asked()[0], state=state, **decided, **copy, **key)


DEEDS: dict[Transition, Callable[[Release], Change | None]] = {
    "approve": lambda it: moves.approve(it, "wang", "it is needed", b"s", NOW_NS),
    "refuse": lambda it: moves.refuse(it, "wang", "too much", NOW_NS),
    "bring": lambda it: moves.bring(it, "release/x", 9, "ab", NOW_NS),
    "fail": lambda it: moves.fail(it, "no footage", NOW_NS),
    "fetch": lambda it: moves.fetch(it, "li", NOW_NS),
    "lapse": lambda it: moves.lapse(it, NOW_NS + 8 * DAY_NS),
}
SAYS = {
    "approve": "release.approved", "refuse": "release.refused", "bring": "release.made", "fail": "release.failed",
    "fetch": "release.fetched",
}  # fmt: skip


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("state", STATES)
def test_each_deed_in_each_state(state: State, deed: Transition) -> None:
    before = in_state(state)
    allowed = TRANSITIONS.get((before.state, deed))
    if allowed is None:
        if deed == "lapse":
            assert DEEDS[deed](before) is None
        else:
            with pytest.raises(ReleaseError, match="this release"):
                DEEDS[deed](before)
        return
    change = DEEDS[deed](before)
    assert change is not None
    assert change.act is not None
    assert (change.before, change.after.state, change.after.step) == (before, allowed, before.step + 1)
    assert change.act.what == SAYS.get(deed, "release.refused" if state == "requested" else "erased")
    assert (change.act.target, change.act.case, change.act.site) == (before.id, "A-117", "village")
    if deed in ("fail", "lapse"):
        assert change.after.sealed == b""


def test_every_move_is_a_deed_of_the_test() -> None:
    assert {deed for _, deed in TRANSITIONS} == set(DEEDS)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"to_ns": START_NS}, "an hour at most"),
        ({"to_ns": START_NS + 61 * MINUTE_NS}, "an hour at most"),
        ({"reason": "  x "}, "3 to 200"),
        ({"reason": 7}, "reason"),
        ({"camera": "../x"}, "camera"),
        ({"from_ns": NOW_NS, "to_ns": NOW_NS + 1}, "future"),
    ],
)
def test_requests_that_cannot_be_say_why(changed: dict[str, object], words: str) -> None:
    with pytest.raises(ContractError, match=words):
        asked(**changed)


@pytest.mark.parametrize("who", ["li", "LI"])
@pytest.mark.parametrize("deed", [moves.refuse, lambda it, who, why, at: moves.approve(it, who, why, b"s", at)])
def test_nobody_decides_about_their_own(who: str, deed: Callable[..., Change]) -> None:
    with pytest.raises(ReleaseError, match="second person"):
        deed(asked()[0], who, "because I can", NOW_NS)


def test_a_decision_needs_a_reason() -> None:
    with pytest.raises(ReleaseError, match="3 to 200"):
        moves.refuse(asked()[0], "wang", " a ", NOW_NS)


def test_a_copy_is_fetched_three_times_within_a_quarter_of_an_hour() -> None:
    it = msgspec.structs.replace(in_state("ready"), expires_ns=NOW_NS + 2 * DAY_NS)
    for time in range(3):
        assert moves.lapse(it, NOW_NS + time) is None
        it = moves.fetch(it, "li", NOW_NS + time).after
    assert it.expires_ns == NOW_NS + 15 * MINUTE_NS
    with pytest.raises(ReleaseError, match="destroyed"):
        moves.fetch(it, "li", NOW_NS + 3)
    lapsed = moves.lapse(it, NOW_NS + 3)
    assert lapsed is not None
    assert (lapsed.after.state, lapsed.after.sealed, lapsed.act and lapsed.act.what) == ("fetched", b"", "erased")
    once = moves.fetch(in_state("ready"), "li", NOW_NS).after
    for late in (moves.lapse(once, NOW_NS + 16 * MINUTE_NS),):
        assert late is not None
    with pytest.raises(ReleaseError, match="only who asked"):
        moves.fetch(in_state("ready"), "wang", NOW_NS)


def put(writer: Writer, release: Release) -> None:
    writer.request_release(release, asked()[1])


def whats(store: Store) -> list[str]:
    return [decode(entry).what for _, entry in store.reader().audit_entries(0, 100)]


def test_a_release_goes_its_way_with_its_acts(store: Store, writer: Writer) -> None:
    made, act = asked()
    writer.request_release(made, act)
    read = store.reader()
    assert read.release(made.id) == made
    assert read.release(ID.format(9)) is None
    approved = moves.approve(made, "wang", "it is needed", b"s", NOW_NS)
    assert writer.change_release(approved)
    brought = moves.bring(approved.after, "release/x", 9, "ab", NOW_NS)
    assert writer.change_release(brought)
    assert read.unfinished_releases() == [brought.after]
    fetched = moves.fetch(brought.after, "li", NOW_NS)
    assert writer.change_release(fetched)
    lapsed = moves.lapse(fetched.after, NOW_NS + 16 * MINUTE_NS)
    assert lapsed is not None
    assert writer.change_release(lapsed)
    assert read.unfinished_releases() == [lapsed.after], "its object is still there"
    assert writer.change_release(moves.swept(lapsed.after))
    assert read.unfinished_releases() == []
    assert whats(store) == ["release.requested", "release.approved", "release.made", "release.fetched", "erased"]


def test_a_replay_or_a_race_changes_nothing(store: Store, writer: Writer) -> None:
    made, _ = asked()
    put(writer, made)
    approved = moves.approve(made, "wang", "it is needed", b"s", NOW_NS)
    refused = moves.refuse(made, "zhao", "too much", NOW_NS)
    assert writer.change_release(approved)
    assert not writer.change_release(approved)
    assert not writer.change_release(refused)
    twice = moves.fail(approved.after, "x", NOW_NS)
    assert writer.change_release(twice)
    assert not writer.change_release(moves.bring(approved.after, "release/x", 9, "ab", NOW_NS))
    assert whats(store) == ["release.requested", "release.approved", "release.failed"]


def test_the_store_itself_holds_four_eyes(store: Store, writer: Writer) -> None:
    made, _ = asked()
    put(writer, made)
    own = msgspec.structs.replace(made, state="approved", decided_by="li", step=1)
    with pytest.raises(ContractError):
        writer.change_release(Change(made, own, asked()[1]))
    assert isinstance(writer, SqlWriter)
    for sql in (
        "UPDATE releases SET state = 'approved', decided_by = 'li'",
        "UPDATE releases SET state = 'approved', decided_by = asked_by",
        "UPDATE releases SET state = 'approved'",
        "UPDATE releases SET state = 'ready', object = 'release/x'",
        "UPDATE releases SET state = 'fetched', sealed = sealed",
        "UPDATE releases SET object = 'release/x'",
        "UPDATE releases SET asked_by = ''",
        "UPDATE releases SET state = 'free for all', decided_by = 'wang'",
    ):
        with pytest.raises(ContractError), writer._db.transaction() as db:
            db.exec_driver_sql(sql)
    assert store.reader().release(made.id) == made
    assert whats(store) == ["release.requested"], "an act without its deed"
    with pytest.raises(ContractError):
        put(writer, made)


def test_everybody_sees_their_own_and_those_of_their_sites(store: Store, writer: Writer) -> None:
    rows = [("li", "village"), ("li", "harbour"), ("zhao", "harbour"), ("zhao", "mill")]
    for number, (who, site) in enumerate(rows, 1):
        release, act = moves.ask(FIELDS | {"id": ID.format(number), "site": site}, who, NOW_NS)
        writer.request_release(release, act)
    read = store.reader()

    def seen(who: str, within: Scope) -> list[int]:
        return [int(it.id[-1]) for it in read.releases(who, within, 9)]

    assert seen("li", Scope()) == [2, 1]
    assert seen("wang", Scope()) == []
    assert seen("wang", Scope(sites=frozenset({"harbour"}))) == [3, 2]
    assert seen("li", Scope(sites=frozenset({"mill", "harbour"}))) == [4, 3, 2, 1]
    assert seen("wang", Scope(everywhere=True)) == [4, 3, 2, 1]
    everywhere, (newest,) = Scope(everywhere=True), read.releases("wang", Scope(everywhere=True), 1)
    assert newest.id == ID.format(4)
    assert [it.id for it in read.releases("wang", everywhere, 2, newest.id)] == [ID.format(3), ID.format(2)]
    assert [it.id for it in read.releases("li", Scope(), 9, ID.format(2))] == [ID.format(1)]
    assert read.releases("wang", everywhere, 9, ID.format(1)) == []
    writer.change_release(moves.refuse(newest, "wang", "not needed", NOW_NS))
    assert [it.id[-1] for it in read.releases("wang", everywhere, 9, state="requested")] == ["3", "2", "1"]
    assert [it.id[-1] for it in read.releases("wang", everywhere, 9, state="refused")] == ["4"]
