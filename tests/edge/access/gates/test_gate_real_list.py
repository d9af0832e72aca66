"""The lane with the list as the box keeps it, filled by a signed message: who gets in, and what is told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from plate_reader_kit import TERMS, TEXT, Hand, data, drive, lane

from common.clock import SECOND_NS, SystemClock
from edge.access.gates.decision import GatePolicy
from edge.access.site_lists.site_list_store import ListStore, ListView
from protocol import site_lists
from protocol.event_types import VehicleBarred, VehicleRegistered, VehicleUnlisted, VehicleVisitor
from protocol.plate_grammar import MAINLAND, variants
from protocol.signing.trust_anchor import Trust
from protocol.site_lists import ListedVehicle, SiteLists

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TRUST = Trust("village", KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex(), bytes(32).hex())
NEAR = variants(TEXT, MAINLAND)[0]
"""A listed plate for which the one that comes may be misread."""
NOW_NS = SystemClock().wall_ns()
OVER_NS, LATER_NS = NOW_NS - SECOND_NS, NOW_NS + 3600 * SECOND_NS


def passed(tmp_path: Path, *listed: ListedVehicle, policy: GatePolicy = TERMS, key: Any = KEY) -> tuple[Any, int]:
    """A car with `TEXT` passes; the one event's data, and how often the relay was asked."""
    store = ListStore(tmp_path, "village", TRUST)
    told = SiteLists(site="village", version=1, vehicles=listed)
    store.take(site_lists.pack(told, key, TRUST.sealing, os.urandom))
    hand = Hand()
    made, reports = lane(ListView(store, "vehicle"), hand, policy)
    drive(made)
    (found,) = data(reports)
    assert TEXT not in repr(made) + repr(reports)
    return found, hand.asked


def test_registered_opens_with_a_pseudonym_and_no_entry(tmp_path: Path) -> None:
    found, asked = passed(tmp_path, ListedVehicle(id="e1", plate="京a·12345", standing="registered"))
    assert (type(found), found.opened, found.vehicle, asked) == (VehicleRegistered, True, "0" * 32, 1)
    assert not hasattr(found, "entry")


def test_a_visitor_opens_while_the_visit_lasts(tmp_path: Path) -> None:
    visitor = ListedVehicle(id="e2", plate=TEXT, standing="visitor", from_ns=OVER_NS, until_ns=LATER_NS)
    found, asked = passed(tmp_path, visitor)
    assert (type(found), found.opened, asked) == (VehicleVisitor, True, 1)


@pytest.mark.parametrize("times", [{"until_ns": OVER_NS}, {"from_ns": LATER_NS}])
def test_a_visit_that_is_over_or_not_begun_is_unlisted_with_the_entry(tmp_path: Path, times: dict[str, int]) -> None:
    found, asked = passed(tmp_path, ListedVehicle(id="e3", plate=TEXT, standing="visitor", **times))
    assert (type(found), found.entry, found.opened, asked) == (VehicleUnlisted, "e3", False, 0)


def test_barred_is_told_with_the_entry_and_stays_out(tmp_path: Path) -> None:
    found, asked = passed(tmp_path, ListedVehicle(id="e4", plate=TEXT, standing="barred", until_ns=LATER_NS))
    assert (type(found), found.entry, found.opened, asked) == (VehicleBarred, "e4", False, 0)


@pytest.mark.parametrize(("on_variant", "asked"), [(False, 0), (True, 1)])
def test_a_variant_opens_only_where_the_site_says_so(tmp_path: Path, on_variant: bool, asked: int) -> None:
    near = ListedVehicle(id="e5", plate=NEAR, standing="registered")
    found, opened = passed(tmp_path, near, policy=GatePolicy(0.9, on_variant=on_variant))
    assert (type(found), found.opened, opened) == (VehicleRegistered, bool(asked), asked)


def test_a_variant_of_a_barred_one_is_barred(tmp_path: Path) -> None:
    found, asked = passed(tmp_path, ListedVehicle(id="e6", plate=NEAR, standing="barred"), policy=GatePolicy(0.9, True))
    assert (type(found), found.entry, asked) == (VehicleBarred, "e6", 0)


def test_a_list_that_somebody_else_signed_opens_nothing(tmp_path: Path) -> None:
    stranger = Ed25519PrivateKey.generate()
    found, asked = passed(tmp_path, ListedVehicle(id="e7", plate=TEXT, standing="registered"), key=stranger)
    assert (type(found), found.entry, asked) == (VehicleUnlisted, None, 0)
