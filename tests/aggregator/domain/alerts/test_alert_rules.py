"""The rules of alerts: defaults, what the settings change of them, and what belongs together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from agg_support import START_NS, entered, event

from aggregator.domain.alerts.grouping import fingerprint_of, split_fingerprint, subject_of, targets
from aggregator.domain.alerts.lifecycle import Context, transition
from aggregator.domain.alerts.own_kinds import BOX_BACK, BOX_LOST, UPLINK_BACK, UPLINK_LOST
from aggregator.domain.alerts.rules import (
    CLOSINGS,
    ENDS,
    LEAST_CLOSING,
    QUIET,
    RULES,
    AlertRules,
    Closing,
    Rule,
    closing,
)
from aggregator.domain.alerts.types import SEVERITIES, EventObserved, Severity
from aggregator.ingest.batch_processor import BatchProcessor
from aggregator.messaging.mqtt_client import InboundMessage
from aggregator.settings.aggregator import Settings
from aggregator.settings.alerts import MOST_NAMES, MOST_RULES, AlertSettings
from common import settings_loader
from common.clock import SECOND_NS
from common.errors import SettingsError
from protocol.envelope import Event, encode
from protocol.event_types import KINDS, CameraBack, CameraClear, CameraLost, DoorClosed, DoorGranted, ObjectClass

MINUTE_NS = 60 * SECOND_NS
SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")


def test_every_kind_is_either_in_the_table_or_quiet() -> None:
    assert set(RULES) | QUIET == set(KINDS) | {BOX_LOST, UPLINK_LOST}
    assert not set(RULES) & QUIET


def test_what_ends_a_condition_is_quiet_and_a_kind() -> None:
    assert set(ENDS) == {"box.back", "camera.back", "camera.clear", "door.closed", "door.online", "uplink.back"}
    assert set(ENDS) <= QUIET | {BOX_BACK, UPLINK_BACK}
    assert set(ENDS["camera.clear"]) == {"camera.covered", "camera.frozen", "camera.moved", "camera.defocused"}


@pytest.mark.parametrize("kind", sorted(RULES))
def test_rules_are_sensible(kind: str) -> None:
    rule = RULES[kind]
    assert rule.severity in SEVERITIES
    assert rule.window_s is None or rule.window_s > 0
    assert (rule.window_s is None) == bool(rule.ended_by), "what merges without end must be ended by something"


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("wanted", [None, *CLOSINGS])
@pytest.mark.parametrize("ended_by", [(), ("camera.back",)])
def test_no_rule_makes_a_high_or_critical_alert_close_unseen(
    severity: Severity, wanted: Closing | None, ended_by: tuple[str, ...]
) -> None:
    got = closing(severity, Rule(severity, 60.0, ended_by, closes=wanted))
    assert CLOSINGS.index(got) >= CLOSINGS.index(LEAST_CLOSING[severity])
    assert got == "person" or severity != "critical"
    assert got in ("acknowledged", "person") or severity != "high"
    if severity in ("low", "medium"):
        assert got == (wanted or ("at_once" if ended_by else "later"))


def settings(text: str) -> AlertSettings:
    return settings_loader.loads(text, Settings).alerts


def at(local: str, zone: ZoneInfo, **more: object) -> Event:
    time_ns = int(datetime.fromisoformat(local).replace(tzinfo=zone).timestamp()) * SECOND_NS
    return event(1, **({"time_ns": time_ns} | more))  # type: ignore[arg-type]


NIGHT = """
alerts:
  severities:
    - {severity: critical, kinds: [zone.entered], subjects: [roof], days: [fri], from: "22:00", until: "06:00"}
    - {severity: high, kinds: [zone.entered], objects: [person], from: "22:00", until: "06:00"}
    - {severity: low, areas: [village/yards]}
    - {severity: high, sites: [estate], places: [cam-9]}
"""


@pytest.mark.parametrize(
    ("found", "severity"),
    [
        (at("2026-11-27T21:59:59", SHANGHAI), "medium"),
        (at("2026-11-27T22:00:00", SHANGHAI), "high"),
        (at("2026-11-27T22:00:00", SHANGHAI, data=entered("roof")), "critical"),
        (at("2026-11-28T05:59:59", SHANGHAI, data=entered("roof")), "critical"),
        (at("2026-11-28T06:00:00", SHANGHAI, data=entered("roof")), "medium"),
        (at("2026-11-28T22:00:00", SHANGHAI, data=entered("roof")), "high"),
        (at("2026-11-27T05:59:59", SHANGHAI, data=entered("roof")), "high"),
        (at("2026-11-27T23:00:00", SHANGHAI, data=entered("yard", "car")), "medium"),
        (at("2026-11-27T23:00:00", SHANGHAI, data=entered("yard", "bicycle")), "high"),
        (at("2026-11-27T12:00:00", SHANGHAI, place="yard"), "low"),
        (at("2026-11-27T12:00:00", SHANGHAI, place="yard", data=entered("yard", "bicycle")), "low"),
        (at("2026-11-27T12:00:00", SHANGHAI, site="estate", place="cam-9"), "high"),
        (at("2026-11-27T12:00:00", SHANGHAI, place="cam-9"), "medium"),
        (at("2026-10-25T02:30:00", BERLIN, site="north"), "high"),
        (at("2026-03-29T06:00:00", BERLIN, site="north"), "medium"),
    ],
)
def test_severity_by_schedule_object_zone_and_area(found: Event, severity: str) -> None:
    areas = {("village", "yard"): frozenset({"yards"})}
    rules = AlertRules(settings(NIGHT), areas, lambda site, _: BERLIN if site == "north" else SHANGHAI)
    rule = rules.of(found)
    assert rule is not None
    assert rules.severity(found, rule, subject_of(found)) == severity


def test_rules_of_a_kind_change_what_they_name_and_nothing_else() -> None:
    text = """
alerts:
  rules:
    zone.entered: {severity: low, window_s: 60, closes: person, realarm_events: 3}
    camera.lost: {window_s: 60, realarm_after_s: 0}
    camera.moved: {closes: later, closes_after_s: 5}
"""
    rules = AlertRules(settings(text))
    entered_rule, lost_rule = rules.of_kind("zone.entered"), rules.of_kind("camera.lost")
    assert entered_rule == Rule("low", 60, closes="person", realarm_events=3)
    assert lost_rule == Rule("high", None, ("camera.back",), realarm_after_s=0), "an event ends it, not a time"
    assert rules.of_kind("door.forced") == RULES["door.forced"]
    assert closing("medium", rules.of_kind("camera.moved")) == "later"
    found = event(1, entered("yard", "bicycle"))
    assert rules.severity(found, entered_rule, "yard") == "high", "an object that weighs more still does"


MANY = ", ".join(f"p{number}" for number in range(MOST_NAMES + 1))
BAD: list[tuple[str, str]] = [
    ("rules: {zone.enterd: {severity: low}}", "rules: 'zone.enterd' is no kind of event"),
    ("rules: {door.closed: {severity: low}}", "rules: 'door.closed' opens no alert"),
    ("rules: {zone.entered: {severity: urgent}}", "alerts.rules.zone.entered.severity"),
    ("rules: {zone.entered: {window_s: 0}}", "alerts.rules.zone.entered.window_s"),
    ("rules: {zone.entered: {window_s: 1e300}}", "alerts.rules.zone.entered.window_s"),
    ("rules: {zone.entered: {realarm_events: -1}}", "alerts.rules.zone.entered.realarm_events"),
    ("rules: {zone.entered: {closes: never}}", "alerts.rules.zone.entered.closes"),
    ("rules: {zone.entered: {resolves: x}}", "alerts.rules.zone.entered.resolves"),
    ("severities: [{kinds: [zone.entered]}]", "severity"),
    ("severities: [{severity: low, kinds: [zone.left]}]", "kinds: 'zone.left' opens no alert"),
    ("severities: [{severity: low, objects: [dog]}]", "objects: 'dog' must be one of person"),
    ("severities: [{severity: low, areas: [yards]}]", "areas: 'yards' must be site/area"),
    ("severities: [{severity: low, sites: ['a b']}]", "sites: 'a b' must be"),
    ("severities: [{severity: low, days: [monday]}]", "days"),
    ("severities: [{severity: low, from: '25:00'}]", "from: must be a time of day such as 22:00"),
    ("severities: [{severity: low, until: '6'}]", "until: must be a time of day"),
    ("severities: [{severity: low, from: '06:00', until: '06:00'}]", "until: must differ from `from`"),
    (f"severities: [{{severity: low, places: [{MANY}]}}]", f"places: at most {MOST_NAMES} names"),
    (f"severities: [{', '.join(['{severity: low}'] * (MOST_RULES + 1))}]", f"severities: at most {MOST_RULES} rules"),
]


@pytest.mark.parametrize(("text", "problem"), BAD)
def test_wrong_settings_are_refused_with_the_field(text: str, problem: str) -> None:
    with pytest.raises(SettingsError) as error:
        settings_loader.loads(f"alerts: {{{text}}}", Settings)
    assert problem in str(error.value)


def test_fingerprints_cover_place_and_kind_only() -> None:
    base = event(1)
    assert fingerprint_of(base) == fingerprint_of(event(9, entered("yard", "car"), time_ns=START_NS + MINUTE_NS))
    others = [
        event(1, entered("stair")), event(1, place="cam-2"), event(1, box="gate-2"), event(1, site="estate"),
        event(1, CameraLost()),
    ]  # fmt: skip
    assert len({fingerprint_of(it) for it in [base, *others]}) == 6


def test_targets_name_the_alerts_whose_condition_an_event_ends() -> None:
    assert targets(event(2, CameraBack())) == [fingerprint_of(event(1, CameraLost()))]
    assert len(targets(event(2, CameraClear()))) == 4
    assert len(targets(event(2, DoorClosed(door="d1"), place="d1"))) == 2
    assert targets(event(2)) == []


@pytest.mark.parametrize("kind_of_object", [*msgspec.inspect.type_info(ObjectClass).values])  # type: ignore[attr-defined]
def test_two_wheelers_in_a_zone_are_a_matter_of_their_own_and_weigh_more(
    kind_of_object: str, new_id: Callable[[], str]
) -> None:
    walker, rider = event(1, entered("hall")), event(2, entered("hall", kind_of_object))
    opened, _ = transition(None, EventObserved(rider), Context(START_NS, new_id))
    assert opened is not None
    special = kind_of_object in ("bicycle", "motorcycle")
    assert (fingerprint_of(walker) != fingerprint_of(rider)) == special
    assert opened.severity == ("high" if special else "medium")
    assert split_fingerprint(opened, "x") != opened.fingerprint != split_fingerprint(opened, "y")


@pytest.mark.parametrize(("reason", "severity"), [("revoked:entry-7", "high"), ("card", None), (None, None)])
def test_a_controller_that_lets_a_revoked_card_in_opens_an_alert(
    processor: BatchProcessor, reason: str | None, severity: str | None
) -> None:
    granted = event(1, DoorGranted(door="hall", reason=reason), place="hall")
    outcome = processor.process([InboundMessage(f"paifang/v1/{granted.site}/{granted.box}/events", encode(granted))])
    assert [it.severity for it in outcome.alerts.values()] == ([severity] if severity else [])
