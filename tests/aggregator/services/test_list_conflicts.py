"""UX.md faults 4 and 7: what an addition would replace, and dates as people at the site write them."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.domain.audit import audit_entry
from aggregator.domain.site_lists.conflicts import ListConflict
from aggregator.domain.site_lists.list_entry import ListEntryRequest, check, limits
from aggregator.domain.site_lists.local_dates import instant, shown
from aggregator.domain.store_port import Store, Writer
from aggregator.services.site_lists.site_list_repository import SiteListRepository
from aggregator.storage.keyring import KeyRing
from common.clock import SECOND_NS, FakeClock
from common.errors import ListError

PLATE = "京A12345"
NOW_NS = 1_795_000_000 * SECOND_NS  # 2026-11-18
SHANGHAI, BERLIN, SAO_PAULO = map(ZoneInfo, ("Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo"))
DAY_NS = 86_400 * SECOND_NS


def wanted(standing: str = "registered", owner: str = "house 7", reason: str = "", until: str = "") -> ListEntryRequest:
    return ListEntryRequest(text=PLATE, standing=standing, owner=owner, reason=reason, valid_until=until)  # type: ignore[arg-type]


REGISTERED, VISITOR = wanted(), wanted("visitor", until="2026-12-01")
BARRED = wanted("barred", reason="court order", until="2026-12-24")
EXPIRES = wanted("visitor", until="2026-11-18T20:00:00+08:00")


@pytest.fixture
def lists(store: Store, tmp_path: Path, writer: Writer) -> SiteListRepository:
    assert writer is not None  # the store must have been made
    keys, clock = KeyRing(tmp_path, os.urandom), FakeClock(now_ns=NOW_NS)
    return SiteListRepository(store.reader(), keys, clock, grammars=lambda _: (), zone=lambda _: SHANGHAI)


@pytest.mark.parametrize(
    ("present", "new"),
    [
        (BARRED, REGISTERED),
        (BARRED, VISITOR),
        (VISITOR, BARRED),
        (REGISTERED, BARRED),
        (REGISTERED, VISITOR),
        (REGISTERED, wanted(owner="house 8")),
        (BARRED, wanted("barred", reason="court order", until="2026-11-20")),
        (BARRED, wanted("barred", reason="another", until="2026-12-24")),
    ],
)
def test_ux_04_an_entry_that_says_otherwise_is_never_overwritten_silently(
    lists: SiteListRepository, writer: Writer, store: Store, present: ListEntryRequest, new: ListEntryRequest
) -> None:
    (first,) = lists.add(writer, "village", [present], "li")
    other = ListEntryRequest(text="京B12345", standing="registered", owner="house 9")
    with pytest.raises(ListConflict, match=f"this plate is {present.standing.upper()}") as caught:
        lists.add(writer, "village", [other, new], "wang")
    assert PLATE not in str(caught.value)
    assert [(it.present.id, it.wanted.standing) for it in caught.value.found] == [(first.id, new.standing)]
    assert [it.id for it in lists.entries("village")] == [first.id], "all or none"
    assert len(store.reader().audit_entries(0, 10)) == 1
    assert [it.present.id for it in lists.conflicts("village", [other, new], "wang")] == [first.id]


@pytest.mark.parametrize(
    ("present", "new"),
    [
        (BARRED, BARRED),
        (REGISTERED, REGISTERED),
        (VISITOR, wanted("visitor", until="2026-12-31")),
        (REGISTERED, wanted(until="2026-12-31")),
    ],
)
def test_ux_04_a_renewal_and_the_same_again_ask_nothing(
    lists: SiteListRepository, writer: Writer, present: ListEntryRequest, new: ListEntryRequest
) -> None:
    lists.add(writer, "village", [present], "li")
    (made,) = lists.add(writer, "village", [new], "wang")
    assert [it.id for it in lists.entries("village")] == [made.id]


def test_ux_04_an_expired_entry_and_another_sites_are_no_conflict(lists: SiteListRepository, writer: Writer) -> None:
    lists.add(writer, "village", [EXPIRES], "li")
    lists.add(writer, "estate", [BARRED], "li")
    assert isinstance(lists.clock, FakeClock)
    lists.clock.advance(86_400)
    lists.add(writer, "village", [BARRED], "li")


def test_ux_04_a_replacement_has_a_reason_on_the_record(
    lists: SiteListRepository, writer: Writer, store: Store
) -> None:
    (first,) = lists.add(writer, "village", [BARRED], "li")
    (second,) = lists.add(writer, "village", [REGISTERED], "wang", replace="order lifted")
    assert [it.standing for it in lists.entries("village")] == ["registered"]
    entry = audit_entry.decode(store.reader().audit_entries(1, 1)[0][1])
    assert (entry.what, entry.who, entry.target, entry.reason) == ("list.added", "wang", second.id, "order lifted")
    assert entry.detail == {"entries": "1", "replaced": first.id, "standings": "barred>registered"}


def utc_ns(*parts: int) -> int:
    return round(datetime(*parts, tzinfo=UTC).timestamp()) * SECOND_NS  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("text", "zone", "end", "expected"),
    [
        ("2026-11-18", SHANGHAI, True, utc_ns(2026, 11, 18, 16)),
        ("2026-11-18", SHANGHAI, False, utc_ns(2026, 11, 17, 16)),
        ("2026-11-18T18:00", SHANGHAI, True, utc_ns(2026, 11, 18, 10)),
        ("2026-11-18 18:00", SHANGHAI, False, utc_ns(2026, 11, 18, 10)),
        ("2026-11-18T18:00Z", SHANGHAI, True, utc_ns(2026, 11, 18, 18)),
        ("2026-11-18T18:00+01:00", SHANGHAI, True, utc_ns(2026, 11, 18, 17)),
        ("2026-03-29", BERLIN, False, utc_ns(2026, 3, 28, 23)),
        ("2026-03-29", BERLIN, True, utc_ns(2026, 3, 29, 22)),  # 23 hours
        ("2026-10-25", BERLIN, True, utc_ns(2026, 10, 25, 23)),  # 25 hours
        ("2026-10-25T02:30", BERLIN, False, utc_ns(2026, 10, 25, 0, 30)),
        ("2026-10-25T02:30", BERLIN, True, utc_ns(2026, 10, 25, 1, 30)),
        ("2018-11-04", SAO_PAULO, False, utc_ns(2018, 11, 4, 3)),  # that day began at 01:00
        ("2018-11-03", SAO_PAULO, True, utc_ns(2018, 11, 4, 3)),
    ],
)
def test_ux_07_days_and_times_are_the_sites(text: str, zone: ZoneInfo, end: bool, expected: int) -> None:
    assert instant(text, "valid_until", zone, end=end) == expected


@pytest.mark.parametrize(("text", "zone"), [("2026-03-29T02:30", BERLIN), ("2018-11-04T00:30", SAO_PAULO)])
def test_ux_07_a_time_that_the_clocks_skip_is_refused(text: str, zone: ZoneInfo) -> None:
    with pytest.raises(ListError, match=r"valid_from: the clocks of .* skip this time"):
        instant(text, "valid_from", zone)


def test_ux_07_a_visitor_until_today_is_one_until_the_end_of_the_day_at_the_site() -> None:
    local = ZoneInfo("Asia/Shanghai")
    evening_ns = utc_ns(2026, 11, 18, 15, 59)  # 23:59 in Shanghai
    _, until_ns = limits(check(wanted("visitor", until="2026-11-18"), evening_ns, zone=local), evening_ns, local)
    assert until_ns == evening_ns + 60 * SECOND_NS
    with pytest.raises(ListError, match="has passed"):
        check(wanted("visitor", until="2026-11-18"), until_ns, zone=local)


@example(datetime(2012, 10, 20).date(), SAO_PAULO)  # the next day begins at one o'clock
@given(
    st.dates(datetime(2000, 1, 1).date(), datetime(2030, 1, 1).date()), st.sampled_from([SHANGHAI, BERLIN, SAO_PAULO])
)
@example(date(2012, 10, 20), SAO_PAULO)  # the day after it begins at 01:00
def test_ux_07_what_is_shown_is_what_was_written(day: object, zone: ZoneInfo) -> None:
    for end in (False, True):
        assert shown(instant(str(day), "valid_until", zone, end=end), zone, end=end) == str(day)
    begin, over = instant(str(day), "x", zone), instant(str(day), "x", zone, end=True)
    assert begin is not None
    assert over is not None
    assert 23 * 3600 <= (over - begin) // SECOND_NS <= 25 * 3600
