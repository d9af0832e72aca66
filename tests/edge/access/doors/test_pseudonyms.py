from __future__ import annotations

import itertools
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clock import FakeClock
from edge.access.pseudonyms import FILE, DailyPseudonyms
from protocol.event_types import DoorGranted, VehicleRegistered

NOON_NS = 1_795_003_200_000_000_000  # 2026-11-18 12:00 UTC


def made(folder: Path, clock: FakeClock) -> DailyPseudonyms:
    return DailyPseudonyms(folder, clock, os.urandom)


def test_the_same_text_pairs_within_the_day_and_not_over_midnight(tmp_path: Path) -> None:
    clock = FakeClock(NOON_NS)
    pseudonym = made(tmp_path, clock)
    first = pseudonym("credential", "0412F7")
    clock.advance(11.9 * 3600)
    assert pseudonym("credential", "0412F7") == first
    clock.advance(0.2 * 3600)
    assert pseudonym("credential", "0412F7") != first


def test_domains_and_boxes_do_not_pair(tmp_path: Path) -> None:
    clock = FakeClock(NOON_NS)
    (tmp_path / "other").mkdir()
    here, there = made(tmp_path, clock), made(tmp_path / "other", clock)
    assert len({here("credential", "A1"), here("vehicle", "A1"), there("vehicle", "A1"), here("vehicle", "A2")}) == 4


@given(st.text())
def test_it_is_what_the_contract_takes_and_does_not_show_the_text(text: str) -> None:
    folder = Path("a-folder-that-is-not-there")  # so the key lives in memory only
    told = DailyPseudonyms(folder, FakeClock(NOON_NS), bytes)("vehicle", text)
    made_of = {"door": "d", "credential": told}
    assert msgspec.convert(made_of, DoorGranted).credential == told
    passage = {"gate": "g", "confidence": 1.0, "opened": True, "vehicle": told}
    assert msgspec.convert(passage, VehicleRegistered).vehicle == told
    assert len(text) < 5 or text not in told


def test_a_restart_within_the_day_keeps_the_key_and_after_it_does_not(tmp_path: Path) -> None:
    clock = FakeClock(NOON_NS)
    first = made(tmp_path, clock)("vehicle", "X")
    assert made(tmp_path, clock)("vehicle", "X") == first
    clock.advance(86_400)
    assert made(tmp_path, clock)("vehicle", "X") != first


def test_a_clock_set_back_gets_a_new_key_and_never_an_old_one(tmp_path: Path) -> None:
    clock = FakeClock(NOON_NS)
    pseudonym = made(tmp_path, clock)
    seen = [pseudonym("vehicle", "X")]
    for hours in (24, -24, 24, -48):
        clock.step_wall(hours * 3600)
        seen.append(pseudonym("vehicle", "X"))
        assert made(tmp_path, clock)("vehicle", "X") == seen[-1]
    assert len(set(seen)) == len(seen)


def test_only_this_user_can_read_the_key_and_yesterdays_is_gone(tmp_path: Path) -> None:
    clock = FakeClock(NOON_NS)
    pseudonym = made(tmp_path, clock)
    pseudonym("vehicle", "X")
    path = tmp_path / FILE
    assert path.stat().st_mode & 0o777 == 0o600
    yesterday = path.read_text().split()[1]
    with path.open() as still_open:  # the old file's own blocks, not only its name
        clock.advance(86_400)
        pseudonym("vehicle", "X")
        os.lseek(still_open.fileno(), 0, os.SEEK_SET)
        assert yesterday.encode() not in os.read(still_open.fileno(), 1000)
    assert all(yesterday.encode() not in it.read_bytes() for it in tmp_path.iterdir())
    assert [it.name for it in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("damage", [b"", b"20000", b"1 zz", b"20776 00ff", b"\xff\xfe", b"x " + b"00" * 32])
def test_a_damaged_file_counts_as_none(tmp_path: Path, damage: bytes) -> None:
    clock = FakeClock(NOON_NS)
    first = made(tmp_path, clock)("vehicle", "X")
    (tmp_path / FILE).write_bytes(damage)
    second = made(tmp_path, clock)
    assert second("vehicle", "X") != first
    assert made(tmp_path, clock)("vehicle", "X") == second("vehicle", "X")


def test_a_disk_that_takes_nothing_costs_the_restart_only(tmp_path: Path) -> None:
    numbers = itertools.count(1)
    pseudonym = DailyPseudonyms(tmp_path / "gone", FakeClock(NOON_NS), lambda n: next(numbers).to_bytes(n, "big"))
    assert pseudonym("vehicle", "X") == pseudonym("vehicle", "X")
    assert next(numbers) == 2
