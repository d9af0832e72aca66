"""Timers, steps and the queue, on every store."""

from __future__ import annotations

from typing import Any

import msgspec
from agg_support import START_NS
from escalation_kit import ENTRY, MINUTE_NS, alert, notification, step_of, target, timer, timer_of

from aggregator.domain.accounts.account import DropUser
from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.escalation.notification import MOST_CRITICAL, MOST_WAITING, Attempt, after_attempt, replayed
from aggregator.domain.escalation.records import EscalationDocument
from aggregator.domain.read_models import Batch, Session
from aggregator.domain.store_port import Store, Writer

NOW = START_NS
EVERYWHERE = Scope(everywhere=True)


def put(writer: Writer, *numbers: int, **fields: Any) -> None:
    writer.apply(Batch(alerts={str(it): alert(it, **fields) for it in numbers}))


def test_an_alert_that_waits_has_no_timer_until_it_is_started(store: Store, writer: Writer) -> None:
    put(writer, 1, 2)
    put(writer, 3, acknowledged=True)
    reader = store.reader()
    assert [it.id for it in reader.untimed_alerts(["village"], 10)] == [alert(1).id, alert(2).id]
    assert reader.untimed_alerts(["harbour"], 10) == []
    writer.start_timers([timer(1), timer(3)], {})
    assert [it.id for it in reader.untimed_alerts(["village"], 10)] == [alert(2).id]
    assert [it.alert for it, _ in reader.due_timers(NOW, 10)] == [alert(1).id]
    assert reader.due_timers(NOW - 1, 10) == []
    writer.start_timers([msgspec.structs.replace(timer(1), id="another")], {})
    assert reader.due_timers(NOW, 10)[0][0] == timer(1), "one timer an alert"


def test_a_step_has_its_effect_once(store: Store, writer: Writer) -> None:
    put(writer, 1)
    writer.start_timers([timer(1)], {})
    effect = step_of(timer(1), notification(1))
    assert writer.take_steps([effect]) == 1
    assert writer.take_steps([effect]) == 0
    reader = store.reader()
    assert [it.id for it in reader.due_notifications(NOW, 10)] == [notification(1).id]
    assert reader.due_notifications(NOW, 10, ["t", "u"]) == []
    assert [it.step for it in reader.taken_steps(alert(1).id)] == [0]
    assert reader.due_timers(NOW, 10) == []
    assert reader.due_timers(NOW + 5 * MINUTE_NS, 10)[0][0].step == 1


def test_an_acknowledgement_that_came_first_wins(store: Store, writer: Writer) -> None:
    put(writer, 1)
    writer.start_timers([timer(1)], {})
    put(writer, 1, acknowledged=True)
    assert store.reader().due_timers(NOW, 10) == [], "the acknowledgement has ended the timer"
    assert writer.take_steps([step_of(timer(1), notification(1))]) == 0
    assert store.reader().due_notifications(NOW, 10) == []
    assert store.reader().taken_steps(alert(1).id) == []


def test_an_acknowledgement_cancels_what_waits_and_a_re_alarm_starts_again(store: Store, writer: Writer) -> None:
    put(writer, 1)
    writer.start_timers([timer(1)], {})
    writer.take_steps([step_of(timer(1), notification(1))])
    put(writer, 1, acknowledged=True)
    assert store.reader().due_notifications(NOW, 10) == []
    found = store.reader().notification(notification(1).id)
    assert found is not None
    assert found.state == "cancelled"
    put(writer, 1)
    assert [it.id for it in store.reader().untimed_alerts(["village"], 10)] == [alert(1).id]
    again = msgspec.structs.replace(timer(1), id="again")
    writer.start_timers([again], {})
    assert writer.take_steps([step_of(again, notification(2, effect="again/0/t"))]) == 1
    assert len(store.reader().taken_steps(alert(1).id)) == 2


def test_a_storm_for_one_target_becomes_one_digest(store: Store, writer: Writer) -> None:
    numbers = range(1, MOST_WAITING + 31)
    put(writer, *numbers, severity="high")
    writer.start_timers([timer(it) for it in numbers], {})
    assert writer.take_steps([step_of(timer(it), notification(it)) for it in numbers]) == len(numbers)
    waiting = store.reader().due_notifications(NOW, 1_000)
    digests = [it for it in waiting if it.purpose == "digest"]
    assert (len(waiting), len(digests), digests[0].count, digests[0].alert) == (MOST_WAITING + 1, 1, 30, "")
    assert len(store.reader().taken_steps(alert(MOST_WAITING + 30).id)) == 1


def test_critical_alerts_have_room_of_their_own_and_are_sent_first(store: Store, writer: Writer) -> None:
    high, critical = range(1, MOST_WAITING + 11), range(100, 100 + MOST_CRITICAL + 5)
    put(writer, *high, severity="high")
    put(writer, *critical)
    writer.start_timers([timer(it) for it in (*high, *critical)], {})
    writer.take_steps([step_of(timer(it), notification(it)) for it in (*high, *critical)])
    waiting = store.reader().due_notifications(NOW, 1_000)
    first = [it.alert for it in waiting[: MOST_CRITICAL - 1]]
    assert first == [alert(it).id for it in critical[: MOST_CRITICAL - 1]], "one place is the digest's"
    assert sum(it.count for it in waiting) == len(high) + len(critical)


def test_an_entry_is_leased_to_one_process(store: Store, writer: Writer) -> None:
    it = notification(1)
    assert writer.enqueue(it)
    assert not writer.enqueue(msgspec.structs.replace(it, id="00000000-0000-7000-8000-000000000999"))
    assert writer.lease_notifications([it], NOW + MINUTE_NS) == {it.id}
    assert writer.lease_notifications([it], NOW + MINUTE_NS) == set()
    assert store.reader().due_notifications(NOW, 10) == []
    assert [one.id for one in store.reader().due_notifications(NOW + MINUTE_NS, 10)] == [it.id]


def test_attempts_are_written_with_the_state_of_the_target(store: Store, writer: Writer) -> None:
    writer.put_target(target(1), 10, ENTRY)
    it = notification(1, target=target(1).id)
    writer.enqueue(it)
    failed = after_attempt(it, Attempt(False, "no answer"), NOW, 0.0)
    writer.end_attempt(it, failed, False, [])
    reader = store.reader()
    assert [(one.failed_ns > 0, one.problem) for one in reader.notification_targets(["li"], NOW)] == [
        (True, "no answer")
    ]
    assert reader.due_notifications(NOW, 10) == []
    dead = after_attempt(msgspec.structs.replace(failed, tries=20), Attempt(False, "no answer"), NOW, 0.0)
    writer.end_attempt(failed, dead, False, [])
    letters = reader.notifications(["dead", "expired"], EVERYWHERE, None, 10)
    assert [one.id for one in letters] == [it.id]
    assert reader.notifications(["dead"], Scope(sites=frozenset({"harbour"})), None, 10) == []
    assert reader.notifications(["dead"], EVERYWHERE, (dead.ended_ns, dead.id), 10) == []
    assert writer.replay_notification(dead, replayed(dead, NOW), ENTRY)
    assert not writer.replay_notification(dead, replayed(dead, NOW), ENTRY)
    assert [one.id for one in reader.due_notifications(NOW, 10)] == [it.id]


def test_a_browser_is_notified_as_long_as_its_session(store: Store, writer: Writer) -> None:
    writer.add_session(Session(token_hash="s", user="li", expires_ns=NOW + MINUTE_NS), ENTRY)
    writer.put_target(target(1, session="s"), 10, ENTRY)
    writer.put_target(target(2), 10, ENTRY)
    reader = store.reader()
    assert [it.id for it in reader.notification_targets(["li", "wang"], NOW)] == [target(1).id, target(2).id]
    assert [it.id for it in reader.notification_targets(["li"], NOW + MINUTE_NS)] == [target(2).id], "expired"
    writer.end_session("s", ENTRY)
    assert [it.id for it in reader.notification_targets(["li"], NOW)] == [target(2).id], "logged out"


def test_targets_are_bounded_once_each_and_go_with_the_account(store: Store, writer: Writer) -> None:
    assert writer.put_target(target(1), 2, ENTRY)
    assert not writer.put_target(msgspec.structs.replace(target(2), digest=target(1).digest), 2, ENTRY)
    assert writer.put_target(target(3), 2, ENTRY)
    assert not writer.put_target(target(4), 2, ENTRY)
    writer.enqueue(notification(1, target=target(1).id))
    assert not writer.delete_target("wang", target(1).id, ENTRY)
    assert writer.delete_target("li", target(1).id, ENTRY)
    assert store.reader().due_notifications(NOW, 10) == []
    writer.change_account(DropUser("li"), ENTRY)
    assert store.reader().notification_targets(["li"], NOW) == []


def test_a_link_is_used_once(writer: Writer) -> None:
    writer.enqueue(notification(1))
    assert not writer.link_used(notification(1).id)
    assert writer.use_link(notification(1).id, NOW)
    assert writer.link_used(notification(1).id)
    assert not writer.use_link(notification(1).id, NOW)
    assert writer.link_used("none")


def test_timers_of_alerts_that_do_not_wait_any_more_are_not_started(store: Store, writer: Writer) -> None:
    """Where all of a turn's alerts had been acknowledged meanwhile, the turn failed: there was no row to insert."""
    put(writer, 1, acknowledged=True)
    writer.start_timers([timer(1)], {})
    assert store.reader().due_timers(NOW * 2, 10) == []


def test_a_configuration_is_saved_over_the_version_that_was_read(store: Store, writer: Writer) -> None:
    put(writer, 1)
    writer.start_timers([msgspec.structs.replace(timer(1), state="done")], {})
    assert store.reader().untimed_alerts(["village"], 10) == []
    assert writer.put_escalation(EscalationDocument("village", "{}", 1), ENTRY)
    assert not writer.put_escalation(EscalationDocument("village", "{}", 1), ENTRY)
    assert writer.put_escalation(EscalationDocument("village", '{"chains":{}}', 2), ENTRY)
    assert store.reader().escalation_documents() == [EscalationDocument("village", '{"chains":{}}', 2)]
    assert len(store.reader().untimed_alerts(["village"], 10)) == 1, "alerts without a chain get another look"
    writer.start_timers([msgspec.structs.replace(timer(1), state="done")], {"village": 1})
    assert len(store.reader().untimed_alerts(["village"], 10)) == 1, "it was made from the configuration before"
    writer.start_timers([msgspec.structs.replace(timer(1), state="done")], {"village": 2})
    assert store.reader().untimed_alerts(["village"], 10) == []


def test_what_is_old_is_erased(store: Store, writer: Writer) -> None:
    put(writer, 1)
    writer.start_timers([timer(1)], {})
    writer.take_steps([step_of(timer(1), notification(1))])
    put(writer, 1, acknowledged=True)
    assert writer.purge_notifications(NOW, 10) == 0
    assert writer.purge_notifications(NOW + 1, 10) == 2
    assert store.reader().notification(notification(1).id) is None
    assert timer_of(writer, alert(1).id) is None
