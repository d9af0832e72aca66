"""The box's lists: what is found, what is refused, what is left on the disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from common.errors import ListError
from edge.access.site_lists.matching import Match
from edge.access.site_lists.site_list_store import ListStore, ListView
from protocol import site_lists
from protocol.signing.trust_anchor import Trust
from protocol.site_lists import ListedVehicle, RevokedCredential, SiteLists, Standing

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TRUST = Trust("village", KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex(), bytes(32).hex())
PLATE = "京A8D05B"


def vehicle(number: int, plate: str, standing: Standing = "registered", **times: int) -> ListedVehicle:
    return ListedVehicle(id=f"e{number}", plate=plate, standing=standing, **times)


def message(version: int, *vehicles: ListedVehicle, key: Ed25519PrivateKey = KEY, cards: tuple[str, ...] = ()) -> bytes:
    revoked = tuple(RevokedCredential(id=f"c{i}", credential=card) for i, card in enumerate(cards))
    made = SiteLists(site="village", version=version, vehicles=vehicles, credentials=revoked)
    return site_lists.pack(made, key, TRUST.sealing, os.urandom)


@pytest.fixture
def store(tmp_path: Path) -> ListStore:
    return ListStore(tmp_path, "village", TRUST)


def test_a_plate_is_found_and_so_is_what_readers_take_it_for(store: ListStore) -> None:
    store.take(message(1, vehicle(1, "京a·8d05b")))
    asked = ListView(store, "vehicle")
    assert asked.find(PLATE, 0) == Match("e1", "registered", valid=True, exact=True)
    assert asked.find("京A8005B", 0) == Match("e1", "registered", valid=True, exact=False)
    assert asked.find("京A99999", 0) is None
    assert ListView(store, "credential").find(PLATE, 0) is None


def test_a_variant_of_two_plates_is_nobodys(store: ListStore) -> None:
    store.take(message(1, vehicle(1, "京A88005"), vehicle(2, "京AB8005")))
    assert store.find("vehicle", "京A88005", 0) == Match("e1", "registered", valid=True, exact=True)
    assert store.find("vehicle", "京AB8005", 0) == Match("e2", "registered", valid=True, exact=True)
    assert store.find("vehicle", "京A8800S", 0) is None  # one character away from the first, two from the second


@pytest.mark.parametrize(("now", "valid"), [(9, False), (10, True), (19, True), (20, False)])
def test_an_entry_has_its_time(store: ListStore, now: int, valid: bool) -> None:
    store.take(message(1, vehicle(1, PLATE, "visitor", from_ns=10, until_ns=20)))
    assert store.find("vehicle", PLATE, now) == Match("e1", "visitor", valid=valid)


def test_cards_are_found_as_they_are(store: ListStore) -> None:
    store.take(message(1, cards=("26:0042:1",)))
    assert store.find("credential", "26:0042:1", 0) == Match("c0", "revoked", valid=True)
    assert store.find("credential", "26:0042:2", 0) is None


def test_only_newer_lists_of_this_aggregator_count(store: ListStore) -> None:
    store.take(message(5, vehicle(1, PLATE)))
    for wrong in (
        message(4, vehicle(2, PLATE)),
        message(6, vehicle(2, PLATE), key=Ed25519PrivateKey.generate()),
        b"nonsense",
    ):
        store.take(wrong)
    assert (store.version, store.entries, store.refused) == (5, 1, 3)
    store.take(message(5, vehicle(2, PLATE)))  # the broker repeats what it retains: no news, no refusal
    found = store.find("vehicle", PLATE, 0)
    assert found is not None
    assert (found.entry, store.refused) == ("e1", 3)
    store.take(message(6))
    assert store.find("vehicle", PLATE, 0) is None


def test_lists_outlive_the_aggregator_and_a_restart_but_no_text_does(store: ListStore, tmp_path: Path) -> None:
    store.take(message(3, vehicle(1, PLATE), cards=("26:0042:1",)))
    again = ListStore(tmp_path, "village", TRUST)
    assert again.find("vehicle", PLATE, 0) == Match("e1", "registered", valid=True)
    assert again.version == 3
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600
        for text in (PLATE, "8D05B", "26:0042:1"):
            assert text.encode() not in content


def test_without_trust_nothing_is_believed(tmp_path: Path) -> None:
    store = ListStore(tmp_path, "village", None)
    store.take(message(1, vehicle(1, PLATE)))
    assert (store.version, store.refused) == (0, 1)


def test_a_damaged_file_is_named(store: ListStore, tmp_path: Path) -> None:
    store.take(message(1, vehicle(1, PLATE)))
    (tmp_path / "lists.bin").write_bytes(b"\xc1")
    with pytest.raises(ListError, match=r"lists\.bin.*remove it"):
        ListStore(tmp_path, "village", TRUST)


def test_a_disk_that_takes_nothing_leaves_the_old_lists(store: ListStore, tmp_path: Path) -> None:
    store.take(message(1, vehicle(1, PLATE)))
    (tmp_path / "lists.bin.new").mkdir()
    store.take(message(2))
    assert (store.version, store.refused) == (1, 1)
    assert store.find("vehicle", PLATE, 0) is not None
