"""Every entry of `STORES` must pass."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from agg_support import JPEG, START_NS, event

from aggregator.domain.accounts.account import PutUser
from aggregator.domain.alerts.types import Alert
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.read_models import AlertQuery, Batch, Position, ReceivedEvent, Session, StatusSeen, User
from aggregator.domain.store_port import Store, Writer
from aggregator.ingest.message_validator import quarantined
from aggregator.storage.tables.events import QUARANTINE_ROWS
from common.errors import ContractError
from protocol.ranges import Ranges
from protocol.receipts import BoxStatus, CameraStatus


def alert(number: int, status: str = "open", **fields: object) -> Alert:
    base = Alert(
        id=f"00000000-0000-7000-8000-{number:012d}", fingerprint="f", site="village", box="gate-1", place="cam-1",
        kind="zone.entered", subject="yard", object="person", severity="medium", count=1, first_ns=1,
        last_ns=number, opened_ns=1,
    )  # fmt: skip
    return msgspec.structs.replace(base, status=status, **fields)


def filed(*sequences: int) -> list[ReceivedEvent]:
    return [ReceivedEvent(event(it, picture=JPEG if it % 2 else None), None, START_NS) for it in sequences]


def test_events_and_pictures(store: Store, writer: Writer) -> None:
    writer.apply(Batch(events=filed(1, 2, 3)))
    assert writer.stored_event_ids([event(2).id, event(9).id]) == {event(2).id}
    assert store.reader().event_count() == 3
    assert store.reader().picture(event(1).id) == JPEG
    assert store.reader().picture(event(2).id) is None
    assert writer.newest_event_time("village", "gate-1", "cam-1", "zone.entered") == START_NS
    assert writer.newest_event_time("village", "gate-2", "cam-1", "zone.entered") is None


def test_a_batch_is_all_or_nothing(store: Store, writer: Writer) -> None:
    writer.apply(Batch(events=filed(1)))
    with pytest.raises(ContractError):
        writer.apply(Batch(events=filed(2, 1), alerts={"a": alert(1)}))
    assert store.reader().event_count() == 1
    assert store.reader().alerts(AlertQuery()) == []
    writer.apply(Batch(events=filed(2)))
    assert store.reader().event_count() == 2


def test_positions_statuses_boxes_and_cameras(store: Store, writer: Writer) -> None:
    position = Position("village", "gate-1", "ab", Ranges([(1, 3), (6, 9)]), 5, lost=2, quarantined=1)
    camera = CameraStatus(id="cam-1", name="Gate", state="up", fps=15.0)
    status = BoxStatus(online=True, epoch="ab", version="1", timezone="Asia/Shanghai", cameras=[camera])
    writer.apply(Batch(positions=[position], statuses=[StatusSeen("village", "gate-1", status, 8)]))
    assert writer.positions() == [position]
    assert writer.status_epochs() == {("village", "gate-1"): "ab"}
    (box,) = store.reader().boxes()
    assert (box.committed, box.lost, box.quarantined, box.gaps) == (4, 2, 1, [(4, 5)])
    assert (box.online, box.timezone, box.version) == (True, "Asia/Shanghai", "1")
    (seen,) = store.reader().cameras()
    assert (seen.id, seen.name, seen.state, seen.box) == ("cam-1", "Gate", "up", "gate-1")


def test_a_box_is_shown_by_its_present_epoch_and_an_offline_ones_cameras_are_unknown(
    store: Store, writer: Writer
) -> None:
    old = Position("village", "gate-1", "aa", Ranges([(1, 50)]), 5)
    new = Position("village", "gate-1", "bb", Ranges([(1, 2)]), 9)
    status = BoxStatus(online=False, epoch="bb", cameras=[CameraStatus(id="cam-1", state="up")])
    writer.apply(Batch(positions=[new, old], statuses=[StatusSeen("village", "gate-1", status, 9)]))
    assert [(it.epoch, it.committed) for it in store.reader().boxes()] == [("bb", 2)]
    assert [it.state for it in store.reader().cameras()] == ["unknown"]


def test_the_quarantine_counts_repetitions_and_is_bounded(store: Store, writer: Writer) -> None:
    poison = quarantined("t", b"{", "why", 1)
    writer.apply(Batch(quarantine=[poison, quarantined("t", b"{", "why", 7)]))
    (entry,) = store.reader().quarantine(10)
    assert (entry.count, entry.first_ns, entry.last_ns, entry.payload) == (2, 1, 7, b"{")
    writer.apply(
        Batch(quarantine=[quarantined("t", str(it).encode(), "why", 10 + it) for it in range(QUARANTINE_ROWS)])
    )
    assert store.reader().quarantine_count() == QUARANTINE_ROWS + 2
    assert len(store.reader().quarantine(QUARANTINE_ROWS * 2)) == QUARANTINE_ROWS


def test_users_and_sessions(store: Store, writer: Writer) -> None:
    user = User(name="li", password_hash="h", one_time=True, created_ns=1)
    change = PutUser("li", "h", 1, one_time=True)
    assert writer.change_account(change, AuditEntry(time_ns=0, who="system", what="role.changed"))
    assert store.reader().user("li") == user
    assert writer.use_one_time_password(user) is True
    assert writer.use_one_time_password(user) is False
    assert store.reader().user("li") is None
    session = Session(token_hash="t", user="li", expires_ns=10)
    writer.add_session(session, AuditEntry(time_ns=0, who="li", what="login"))
    assert store.reader().session("t", 9) == session
    assert store.reader().session("t", 10) is None
    writer.add_session(
        Session(token_hash="u", user="li", expires_ns=99), AuditEntry(time_ns=50, who="li", what="login")
    )
    assert store.reader().session("t", 5) is None  # dropped with the others that had expired
    writer.end_session("u", AuditEntry(time_ns=60, who="li", what="logout"))
    assert store.reader().session("u", 5) is None


def test_what_was_written_is_there_after_reopening(store: Store) -> None:
    writer = store.writer()
    writer.apply(Batch(events=filed(1)))
    writer.write_heartbeat(5)
    writer.close()
    again = store.writer()
    assert again.stored_event_ids([event(1).id]) == {event(1).id}
    again.close()


def test_names_are_in_the_order_of_their_bytes(store: Store, writer: Writer) -> None:
    names = ["a", "B", "é", "a-b", "ab", "A"]
    status = BoxStatus(online=True, epoch="ab", cameras=[CameraStatus(id="cam-1", state="up")])
    writer.apply(Batch(statuses=[StatusSeen(name, "box", status, 8) for name in names]))
    assert [it.site for it in store.reader().cameras()] == sorted(names)


@pytest.mark.parametrize("bad", ["a\x00b", "\ud800"])
def test_what_cannot_be_stored_is_a_breach_of_the_contract_or_stored(store: Store, writer: Writer, bad: str) -> None:
    """Engines differ in what they take; none may say that it is ill, for that would hold everything up."""
    entry = msgspec.structs.replace(alert(1), subject=bad)
    try:
        writer.apply(Batch(alerts={"a": entry}))
    except ContractError:
        assert writer.alert(entry.id) is None
    else:
        assert writer.alert(entry.id) == entry
    with pytest.raises(ContractError):
        writer.apply(Batch(alerts={"a": alert(2, count=2**63)}))


def test_two_that_write_take_turns_and_the_record_stays_whole(store: Store, writer: Writer) -> None:
    beside = store.writer(sole=False)
    errors: list[Exception] = []

    def run(which: Writer, who: str) -> None:
        try:
            for number in range(40):
                which.append_audit_entries([AuditEntry(time_ns=number, who=who, what="view")])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=it) for it in ((writer, "a"), (beside, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    beside.close()
    assert errors == []
    assert [number for number, _ in store.reader().audit_entries(0, 1000)] == list(range(1, 81))


def test_readers_in_many_threads(store: Store, writer: Writer) -> None:
    writer.apply(Batch(events=filed(*range(1, 20))))
    reader = store.reader()
    with ThreadPoolExecutor(24) as pool:
        counts = list(pool.map(lambda _: reader.event_count(), range(200)))
    assert set(counts) == {19}
