"""Escalation over a real store: levels in their time, acknowledgement, re-alarm, nobody on call, storms."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from agg_support import START_NS
from escalation_desk import CONFIG, Desk, level
from escalation_kit import ENTRY, MINUTE_NS, alert, target

from aggregator.domain.accounts.account import DropGrant
from aggregator.domain.accounts.authorization import RoleAssignment
from aggregator.domain.escalation.notification import MOST_CRITICAL, MOST_WAITING
from aggregator.domain.escalation.records import EscalationDocument
from aggregator.domain.read_models import Batch, StatusSeen
from aggregator.domain.store_port import Store, Writer
from aggregator.settings.escalation import Calendar, Chain, Escalation
from common.clock import FakeClock
from protocol.receipts import BoxStatus


@pytest.fixture
def make_desk(store: Store, writer: Writer, clock: FakeClock) -> Callable[..., Desk]:
    def make(config: Escalation | None = CONFIG) -> Desk:
        return Desk(store, writer, clock, config)

    return make


def test_four_levels_are_notified_in_their_time_until_the_chain_ends(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    desk.put()
    seen = []
    for minutes in (0, 4, 1, 5, 10, 20, 20, 500):
        desk.turn(minutes)
        seen.append(len(desk.notified()))
    assert seen == [1, 1, 2, 3, 4, 5, 5, 5]
    assert desk.notified() == ["village", "town", "district", "city", "city"]
    due = [(it.due_ns - START_NS) // MINUTE_NS for it in desk.reader.taken_steps(alert(1).id)]
    assert due == [0, 5, 10, 20, 40]


def test_an_acknowledgement_ends_it_and_a_re_alarm_begins_again(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    desk.put()
    desk.turn()
    desk.turn(5)
    assert desk.waiting() == {"village", "town"}
    desk.put(acknowledged=True)
    assert desk.waiting() == set()
    desk.turn(60)
    assert desk.notified() == ["village", "town"]
    desk.put()
    desk.turn()
    assert desk.notified() == ["village", "town", "village"]


def test_help_that_is_asked_for_comes_from_the_next_level_at_once(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    desk.put()
    desk.turn()
    desk.ask_for_help()
    desk.turn()
    assert desk.notified() == ["village", "town"]
    desk.turn(4)
    assert desk.notified() == ["village", "town"]
    desk.turn(1)
    assert desk.notified() == ["village", "town", "district"], "it climbs on by the time limits"


def test_help_after_an_acknowledgement_comes_from_the_level_after_the_last(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    desk.put()
    desk.turn()
    desk.put(acknowledged=True)
    desk.turn(1)
    desk.ask_for_help()
    desk.turn()
    assert desk.waiting() == {"town"}
    desk.turn(5)
    desk.put(acknowledged=True)
    assert desk.notified() == ["village", "town", "district"]


def test_help_after_the_last_level_comes_from_the_last_one_again(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    desk.put()
    for minutes in (0, 5, 5, 10, 20, 20):
        desk.turn(minutes)
    assert desk.notified()[-2:] == ["city", "city"]
    for times in (3, 4):
        desk.ask_for_help()
        desk.turn()
        desk.turn(500)
        assert desk.notified().count("city") == times


def test_help_after_the_chain_was_shortened_is_sent_too(make_desk: Callable[..., Desk]) -> None:
    """The number of the step was that of an older one, so that its notification counted as sent."""
    desk = make_desk()
    desk.put()
    desk.turn()
    desk.turn(5)
    assert desk.sent() == ["village", "town"]
    short = Escalation(chains={"village": Chain(areas=("*",), levels=(level("user:village"),))})
    document = EscalationDocument("village", msgspec.json.encode(short).decode(), 1)
    desk.writer.put_escalation(document, ENTRY)
    desk.ask_for_help()
    desk.turn()
    assert desk.sent() == ["village", "town", "village"]


def test_help_passes_over_levels_outside_of_their_hours(make_desk: Callable[..., Desk]) -> None:
    """START_NS is a night in Shanghai or not; a calendar without hours is never open."""
    never = {"never": Calendar(hours={})}
    closed = msgspec.structs.replace(level("user:town"), calendar="never")
    chain = Chain(areas=("*",), levels=(level("user:village"), closed, level("user:city")))
    desk = make_desk(Escalation(chains={"all": chain}, calendars=never))
    desk.put()
    desk.turn()
    desk.ask_for_help()
    desk.turn()
    assert desk.notified() == ["village", "city"]


def test_help_where_every_level_is_outside_of_its_hours_comes_from_the_supervisors(
    make_desk: Callable[..., Desk],
) -> None:
    closed = msgspec.structs.replace(level("user:town"), calendar="never")
    chain = Chain(areas=("*",), levels=(level("user:village"), closed))
    desk = make_desk(Escalation(chains={"all": chain}, calendars={"never": Calendar(hours={})}))
    desk.put()
    desk.turn()
    desk.put(acknowledged=True)
    desk.ask_for_help()
    desk.turn()
    assert desk.notified() == ["village", "boss"]
    assert desk.waiting() == {"boss"}


def test_help_for_a_closed_alert_starts_nothing(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    desk.put(acknowledged=True, status="closed")
    desk.ask_for_help(acknowledged=True, status="closed")
    desk.turn()
    assert desk.reader.taken_steps(alert(1).id) == []


def test_a_turn_that_comes_late_skips_no_level_and_wakes_nobody_too_early(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    desk.put()
    desk.turn()
    desk.turn(180)
    assert desk.notified() == ["village", "town"], "the town has its time, though all would be due"
    desk.turn(5)
    assert desk.notified() == ["village", "town", "district"]


def test_a_severity_without_minutes_and_a_site_without_a_chain_notify_nobody(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    desk.put(severity="low")
    desk.put(2, site="harbour")
    desk.turn()
    desk.turn(60)
    assert desk.notified() == desk.notified(2) == []


def test_who_is_gone_or_has_no_target_is_replaced_by_the_supervisors(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(Escalation(chains={"c": Chain(areas=("*",), levels=(level("user:gone"), level("user:village")))}))
    desk.put()
    desk.turn()
    assert desk.notified() == ["boss"]
    desk.writer.delete_target("village", target(1).id, None)
    desk.turn(5)
    assert desk.notified() == ["boss", "boss"]
    problems = [msgspec.json.decode(it.detail)["problem"] for it in desk.reader.taken_steps(alert(1).id)]
    assert problems == ["nobody was on call: the supervisors were notified"] * 2


def test_where_nobody_can_be_reached_the_next_level_follows_at_once(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    for number in (1, 2, 5):
        desk.writer.delete_target({1: "village", 2: "town", 5: "boss"}[number], target(number).id, None)
    desk.put()
    for _ in range(3):
        desk.turn()
    assert desk.waiting() == {"district"}


def test_a_user_without_the_right_to_see_the_place_is_not_notified(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    desk.writer.change_account(DropGrant("village", RoleAssignment("monitor", "village")), ENTRY)
    desk.put()
    desk.turn()
    assert desk.notified() == ["boss"]


def test_a_loop_that_was_saved_by_an_older_version_falls_to_the_supervisors(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(None)
    loop = '{"chains": {"a": {"areas": ["*"], "then": "a", "levels": [{"notify": ["user:village"]}]}}}'
    desk.writer.put_escalation(EscalationDocument("village", loop, 1), ENTRY)
    desk.put()
    desk.turn()
    assert desk.notified() == ["boss"]
    assert desk.jobs.service.current()["village"].source == "fallback"


def test_a_storm_is_escalated_and_bounded_for_each_target(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    desk.writer.apply(Batch(alerts={str(it): alert(it) for it in range(1, 301)}))
    desk.turn()
    assert all(desk.notified(number) == ["village"] for number in (1, 150, 300))
    waiting = desk.reader.due_notifications(desk.clock.wall_ns(), 1_000)
    assert len(waiting) <= MOST_WAITING + MOST_CRITICAL + 1
    assert sum(it.count for it in waiting) == 300


def test_a_site_without_a_configured_time_zone_has_that_of_its_boxes(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    status = BoxStatus(online=True, timezone="Europe/Berlin")
    seen = [StatusSeen(site, "gate-1", status, START_NS) for site in ("harbour", "village")]
    desk.writer.apply(Batch(statuses=seen))
    zones = [desk.jobs.service.zone(site).key for site in ("harbour", "village", "nowhere")]
    assert zones == ["Europe/Berlin", "Asia/Shanghai", "UTC"]
