"""Silences, maintenance windows and shelves in both engines."""

from __future__ import annotations

from typing import Any

import pytest
from quiet_kit import DAY_NS, HOUR_NS, NOW_NS, shelf, silence, window

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.quiet.decisions import QuietDecisions
from aggregator.domain.quiet.maintenance import Weekly
from aggregator.domain.quiet.matching import Matcher
from aggregator.domain.quiet.shelving import Source
from aggregator.domain.read_models import Batch
from aggregator.domain.store_port import Reader, Store, Writer
from common.errors import ContractError, StoreError

MATCH = Matcher(
    site=("village", "estate"), area=("gates",), place=("cam-1",), kind=("zone.entered",), subject=("yard",),
    object=("person",), severity=("low", "critical"),
)  # fmt: skip
EVERY = QuietDecisions(
    silences=[silence(MATCH, id="s-1", reason="施工 ' \" \\"), silence(id="s-2", until_ns=NOW_NS + 2 * DAY_NS)],
    windows=[
        window(id="w-1"),
        window(
            id="w-2",
            devices=("cam-1", "cam-2"),
            area="gates",
            weekly=Weekly(days=(1, 7), at="22:00", minutes=90),
            critical=True,
            until_ns=NOW_NS + 2 * DAY_NS,
        ),
    ],
    shelves=[
        shelf(id="h-1", mode="one_shot"),
        shelf(
            id="h-2",
            alert="",
            source=Source(site="village", box="", place="cam-1", kind="camera.lost"),
            critical=True,
            until_ns=NOW_NS + 2 * HOUR_NS,
        ),
    ],
)


def listed(reader: Reader, now_ns: int, ended: bool, limit: int = 10) -> QuietDecisions:
    return QuietDecisions(
        reader.silences(now_ns, ended, limit),
        reader.maintenance_windows(now_ns, ended, limit),
        reader.shelves(now_ns, ended, limit),
    )


def ids(found: QuietDecisions) -> list[str]:
    return [it.id for it in found.silences] + [it.id for it in found.windows] + [it.id for it in found.shelves]


def test_what_is_written_is_read_again(writer: Writer, store: Store) -> None:
    writer.apply(Batch(quiet=EVERY))
    newest_first = QuietDecisions(EVERY.silences[::-1], EVERY.windows[::-1], EVERY.shelves[::-1])
    assert writer.quiet_in_force(NOW_NS) == newest_first
    assert listed(store.reader(), NOW_NS, False) == newest_first
    one = listed(store.reader(), NOW_NS, True, 1)
    assert one == QuietDecisions(EVERY.silences[1:], EVERY.windows[1:], EVERY.shelves[1:])


def test_what_has_ended_is_not_in_force(writer: Writer, store: Store) -> None:
    writer.apply(Batch(quiet=EVERY))
    later_ns = NOW_NS + DAY_NS
    found = writer.quiet_in_force(later_ns)
    assert ids(found) == ["s-2", "w-2"]
    every = listed(store.reader(), later_ns, True)
    assert len(every.silences) == len(every.windows) == len(every.shelves) == 2


def test_a_change_replaces_what_was_there(writer: Writer) -> None:
    writer.apply(Batch(quiet=EVERY))
    ended = silence(MATCH, id="s-1", until_ns=NOW_NS + 1, ended_by="wang")
    writer.apply(Batch(quiet=QuietDecisions(silences=[ended])))
    assert {it.id: it for it in writer.quiet_in_force(NOW_NS).silences}["s-1"] == ended


@pytest.mark.parametrize(
    "wrong",
    [
        QuietDecisions(silences=[silence(until_ns=NOW_NS - 1)]),
        QuietDecisions(windows=[window(until_ns=NOW_NS - 1)]),
        QuietDecisions(shelves=[shelf(until_ns=NOW_NS - 1)]),
        QuietDecisions(shelves=[shelf(mode="for_ever")]),
        QuietDecisions(silences=[silence(until_ns=None)]),
    ],
)
def test_the_database_refuses_what_ends_before_it_begins_or_never(writer: Writer, wrong: Any) -> None:
    with pytest.raises((ContractError, StoreError)):
        writer.apply(Batch(quiet=wrong))
    assert not writer.quiet_in_force(0)


def test_ended_ones_are_erased_with_the_alerts(writer: Writer, store: Store) -> None:
    writer.apply(Batch(quiet=EVERY))
    entry = AuditEntry(time_ns=NOW_NS, who="system", what="erased")
    writer.purge("alerts", NOW_NS + DAY_NS + 1, 100, entry)
    left = listed(store.reader(), 0, True)
    assert ids(left) == ["s-2", "w-2"]
