"""What may be requested, who may decide, and what a consumer gets."""

from __future__ import annotations

import itertools
from typing import Any, get_args

import msgspec
import pytest
from agg_support import JPEG, START_NS, event

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.alerts.types import Severity
from aggregator.domain.feeds import feed_entry
from aggregator.domain.feeds.consumer import (
    TRANSITIONS,
    Action,
    Consumer,
    Selection,
    State,
    changed,
    check,
    check_approved,
    with_certificate,
    with_token,
)
from aggregator.domain.feeds.feed_entry import SHARED, FeedEntry
from common.clock import DAY_NS
from common.errors import FeedConflict, FeedError
from protocol.event_types import KINDS, DoorDenied, FootageExported, VehicleBarred, VehicleRegistered

NOW = START_NS


def consumer(state: State = "active", **more: Any) -> Consumer:
    fields: dict[str, Any] = {
        "id": "c", "name": "district", "contact": "duty@example", "purpose": "dispatching patrols",
        "basis": "agreement", "selection": Selection(places=("village",)), "requests_per_minute": 60,
        "events_per_hour": 100, "ends_ns": NOW + DAY_NS, "created_by": "li", "created_ns": NOW,
    }  # fmt: skip
    return Consumer(**fields | {"state": state} | more)


@pytest.mark.parametrize(("state", "action"), list(itertools.product(get_args(State), get_args(Action))))
def test_a_state_changes_as_the_table_says_and_never_otherwise(state: State, action: Action) -> None:
    before = consumer(state)
    if (state, action) not in TRANSITIONS:
        with pytest.raises(FeedConflict):
            changed(before, action, "zhao", NOW)
        return
    after = changed(before, action, "zhao", NOW)
    assert (after.state, after.version) == (TRANSITIONS[state, action], before.version + 1)
    assert after.serves(NOW) == (after.state == "active")


def test_a_second_person_approves_and_the_first_may_withdraw() -> None:
    with pytest.raises(FeedConflict, match="another administrator"):
        changed(consumer("requested"), "approved", "li", NOW)
    assert changed(consumer("requested"), "approved", "zhao", NOW).decided_by == "zhao"
    assert changed(consumer("requested"), "refused", "li", NOW).decided_by == ""


def test_what_is_over_is_not_approved_resumed_or_given_a_token() -> None:
    for state, action in (("requested", "approved"), ("paused", "resumed")):
        with pytest.raises(FeedConflict, match="end has passed"):
            changed(consumer(state), action, "zhao", NOW + DAY_NS)  # type: ignore[arg-type]
    with pytest.raises(FeedConflict):
        with_token(consumer(), "hash", NOW + DAY_NS)
    for it, now_ns in ((consumer(), NOW + DAY_NS), (consumer("requested"), NOW), (consumer("revoked"), NOW)):
        with pytest.raises(FeedConflict, match="gets webhooks"):
            check_approved(it, now_ns, "webhooks")
    check_approved(consumer("paused"), NOW, "webhooks")
    assert not consumer().serves(NOW + DAY_NS)


def test_revoking_ends_the_token() -> None:
    with_one = with_token(consumer(), "hash", NOW)
    assert with_one.token_hash == "hash"
    assert changed(with_one, "revoked", "li", NOW).token_hash is None


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": "x"}, "name"), ({"name": "a\nb"}, "name"), ({"contact": ""}, "contact"),
        ({"purpose": "x"}, "purpose"),
        ({"basis": "  "}, "basis"), ({"ends_ns": NOW}, "ends"), ({"ends_ns": NOW + 2000 * DAY_NS}, "ends"),
        ({"requests_per_minute": 0}, "requests_per_minute"), ({"events_per_hour": 10**9}, "events_per_hour"),
        ({"selection": Selection(places=())}, "places"),
        ({"selection": Selection(places=("*",), contents=())}, "contents"),
        ({"selection": Selection(places=("*",), kinds=("zone.entred",))}, "kinds"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_is_refused_with_its_field(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(FeedError, match=f"^{named}: "):
        check(consumer("requested", **fields), NOW)


def entry(severity: Severity | str = "high", **more: Any) -> FeedEntry:
    return msgspec.structs.replace(feed_entry.of_event(event(1, picture=JPEG), severity, NOW), position=7, **more)


@pytest.mark.parametrize(
    ("selection", "its", "shown"),
    [
        ({}, {}, True),
        ({}, {"place": "other"}, False),
        ({}, {"site": "harbour"}, False),
        ({"contents": ("alerts",)}, {}, False),
        ({"kinds": ("door.forced",)}, {}, False),
        ({"kinds": ("zone.entered",)}, {}, True),
        ({"severities": ("critical",)}, {}, False),
        ({"severities": ("critical", "high")}, {}, True),
        ({"severities": ("high",)}, {"severity": ""}, False),
        ({}, {"time_ns": NOW - 1}, False),
    ],
)
def test_a_consumer_gets_what_was_approved_and_nothing_older(
    selection: dict[str, Any], its: dict[str, Any], shown: bool
) -> None:
    one = consumer(selection=Selection(places=("village/yards",), **selection), decided_ns=NOW)
    within = one.selection.within({("village", "cam-1"): frozenset({"yards"}), ("village", "other"): frozenset()})
    assert feed_entry.shown_to(one, within, entry(**its)) is shown


def test_places_are_everything_whole_sites_and_areas() -> None:
    areas = {("village", "cam-1"): frozenset({"yards"})}
    assert Selection(places=("*",)).within(areas) == Scope(everywhere=True)
    mixed = Selection(places=("harbour", "village/yards")).within(areas)
    assert mixed == Scope(sites=frozenset({"harbour"}), places=frozenset({("village", "cam-1")}))


def test_nothing_that_identifies_leaves_with_an_event() -> None:
    secret = "0123456789abcdef"
    told = [
        DoorDenied(door="hall", credential=secret, reason="card 77"), VehicleRegistered(
            gate="main", confidence=0.9, opened=True, vehicle=secret
        ), VehicleBarred(gate="main", confidence=0.9, opened=False, entry="entry-1"),
        FootageExported(from_="a", to="b", reason="case 9", by="wang"),
    ]  # fmt: skip
    bodies = [feed_entry.of_event(event(1, data), "", NOW).body for data in told]
    for text in (secret, "card 77", "entry-1", "case 9", "wang"):
        assert not any(text in body for body in bodies)


def test_every_field_of_every_kind_of_event_is_shared_or_kept_on_purpose() -> None:
    fields = {field.encode_name for data in KINDS.values() for field in msgspec.structs.fields(data)}
    kept = {"track", "credential", "reason", "vehicle", "entry", "by", "cause", "sequences", "change"}
    assert fields == SHARED | kept
    assert SHARED & kept == set()


def test_the_body_is_a_cloud_event_with_a_picture_only_where_it_was_approved() -> None:
    plain = feed_entry.cloud_event(consumer(), entry())
    assert {"specversion", "id", "source", "type", "time", "data", "sequence", "datacontenttype"} == set(plain)
    assert (plain["specversion"], plain["type"]) == ("1.0", "paifang.zone.entered.v1")
    assert (plain["sequence"], plain["source"]) == ("7", "/village/gate-1/cam-1")
    assert "track" not in plain["data"]
    with_pictures = consumer(selection=Selection(places=("village",), media=("pictures",)))
    assert feed_entry.cloud_event(with_pictures, entry())["picture"] == f"/api/feed/pictures/{entry().ref}"


def test_a_certificate_is_required_and_removed_for_an_approved_consumer_only() -> None:
    printed = "sha256 Fingerprint=" + ":".join(["5F"] * 32)
    required = with_certificate(consumer(token_hash="hash"), printed, NOW)
    assert (required.certificate, required.version) == ("5f" * 32, 2)
    assert required.credentials != consumer(token_hash="hash").credentials
    assert with_certificate(required, None, NOW).certificate is None
    for text in ("", "5f" * 31, "5f" * 32 + "0", "x" * 64, "５" * 64):
        with pytest.raises(FeedError, match="fingerprint: write the SHA-256"):
            with_certificate(consumer(), text, NOW)
    for other, now_ns in ((consumer("requested"), NOW), (consumer("revoked"), NOW), (consumer(), NOW + DAY_NS)):
        with pytest.raises(FeedConflict):
            with_certificate(other, printed, now_ns)
