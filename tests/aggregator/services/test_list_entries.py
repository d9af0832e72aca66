"""Entries, CSV, and the book over every store."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from aggregator.domain.audit import audit_entry
from aggregator.domain.site_lists.list_entry import ListEntryRequest, check
from aggregator.domain.site_lists.local_dates import UTC_ZONE
from aggregator.domain.store_port import Store, Writer
from aggregator.services.site_lists import site_list_csv
from aggregator.services.site_lists.site_list_repository import SiteListRepository
from aggregator.storage.keyring import KeyRing
from common.clock import SECOND_NS, FakeClock
from common.decoding import JsonDecoder
from common.errors import ListError
from protocol import site_lists

PLATE = "京A12345"
NOW_NS = 1_795_000_000 * SECOND_NS  # 2026-11-18


def wanted(**changes: str) -> ListEntryRequest:
    given = {"text": PLATE, "standing": "registered", "owner": "house 7", **changes}
    return JsonDecoder(ListEntryRequest, error=ListError).decode(msgspec.json.encode(given))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"text": "京a·123 45"},
        {"standing": "visitor", "valid_until": "2026-12-01"},
        {"standing": "barred", "reason": "court order 12", "valid_until": "2027-11-01T00:00+08:00"},
        {"kind": "credential", "standing": "revoked", "text": "26:0042:1", "reason": "lost"},
    ],
)
def test_entries_that_can_be(changes: dict[str, str]) -> None:
    assert check(wanted(**changes), NOW_NS).text in (PLATE, "26:0042:1")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"text": "京A1234"}, "text: no plate"),
        ({"text": "京AI2345"}, "one such as 京A67890"),
        ({"text": ""}, "text"),
        ({"owner": " "}, "owner: is missing"),
        ({"standing": "barred", "valid_until": "2026-12-01"}, "reason: is missing"),
        ({"standing": "barred", "reason": "x"}, "valid_until: is missing"),
        ({"standing": "barred", "reason": "x", "valid_until": "2027-12-01"}, "at most a year"),
        ({"standing": "visitor"}, "valid_until: is missing"),
        ({"standing": "visitor", "valid_until": "2026-11-01"}, "has passed"),
        ({"valid_from": "2027-01-02", "valid_until": "2027-01-01"}, "before valid_from"),
        ({"valid_until": "next week"}, "valid_until: write a day"),
        ({"valid_until": "9999-12-31"}, "valid_until: write a day or time from 1970 to 2115"),
        ({"valid_from": "1900-01-01"}, "valid_from: write a day or time from 1970 to 2115"),
        ({"kind": "credential", "standing": "revoked", "text": " ", "reason": "x"}, "text: is missing"),
        ({"standing": "revoked"}, "standing: a vehicle is registered or visitor or barred"),
        ({"kind": "credential", "text": "1"}, "standing: a credential is revoked"),
        ({"standing": "known"}, "standing"),
        ({"name": "x"}, "name"),
    ],
)
def test_entries_that_cannot_be_say_why_and_never_what(changes: dict[str, str], problem: str) -> None:
    with pytest.raises(ListError, match=problem) as caught:
        check(wanted(**changes), NOW_NS)
    assert (changes.get("text", "").strip() or PLATE) not in str(caught.value)


@pytest.mark.parametrize("field", ["owner", "reason"])
@pytest.mark.parametrize("text", ["a\nb", "a\n", "a\x00b", "\x7f"])
def test_an_entry_from_a_form_has_no_control_characters_either(field: str, text: str) -> None:
    entry = msgspec.structs.replace(wanted(owner="house 7", reason="lost"), **{field: text})
    with pytest.raises(ListError, match=f"{field}: write it without line feeds"):
        check(entry, NOW_NS)


def test_a_wrong_row_spoils_no_other() -> None:
    table = "\ufefftext,standing,owner,reason,valid_until\r\n"
    table += f"{PLATE},registered,house 7,,\r\n\r\n京A1234,registered,house 8,,\r\n{PLATE},barred,x,y,2026-12-01\r\n"
    table += "京B12345,visitor,'=1+1,,2026-12-01\r\n京C12345,registered\r\n"
    rows = site_list_csv.read(table.encode(), NOW_NS)
    assert [(row.line, row.wanted is not None) for row in rows] == [
        (2, True),
        (4, False),
        (5, False),
        (6, True),
        (7, False),
    ]
    assert "no plate" in rows[1].problem
    assert rows[2].problem == "the same as line 2"
    assert rows[3].wanted is not None
    assert rows[3].wanted.owner == "=1+1"
    assert rows[4].problem == "has 2 cells, the header 5"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"", "lacks text, standing, owner"),
        (b"text,standing,owner,colour\n", "unknown colour"),
        (b'text,standing,owner\n"x', "line"),
    ],
)
def test_a_file_that_cannot_be_used(data: bytes, problem: str) -> None:
    with pytest.raises(ListError, match=problem):
        site_list_csv.read(data, NOW_NS)


@pytest.fixture
def book(store: Store, tmp_path: Path, writer: Writer) -> SiteListRepository:
    assert writer is not None  # the store must have been made
    return SiteListRepository(
        store.reader(),
        KeyRing(tmp_path, os.urandom),
        FakeClock(now_ns=NOW_NS),
        lambda _site: (),
        lambda _site: UTC_ZONE,
    )


def test_the_book_keeps_sends_and_records(book: SiteListRepository, writer: Writer, store: Store) -> None:
    (first,) = book.add(writer, "village", [wanted()], "li")
    book.add(writer, "estate", [wanted(owner="gate 2")], "li")
    assert [entry.text for entry in book.entries("village")] == [PLATE]
    message = book.message("village")
    assert message is not None
    told = site_lists.unpack(message[1], "village", book.keys.signing.public_key(), book.keys.of_site("village"))
    assert [(it.id, it.plate) for it in told.vehicles] == [(first.id, PLATE)]
    assert [topic for topic, _ in book.messages()] == [site_lists.topic("estate"), site_lists.topic("village")]
    recorded = [audit_entry.decode(entry) for _, entry in store.reader().audit_entries(0, 10)]
    assert [(it.what, it.who, it.site, it.target) for it in recorded[:1]] == [("list.added", "li", "village", first.id)]
    assert book.message("hamlet") is None


def test_the_same_text_again_takes_the_place_of_the_first(book: SiteListRepository, writer: Writer) -> None:
    book.add(writer, "village", [wanted()], "li")
    barred = wanted(standing="barred", reason="court", valid_until="2026-12-01")
    book.add(writer, "village", [barred], "wang", replace="court order")
    assert [(it.standing, it.by) for it in book.entries("village")] == [("barred", "wang")]


def test_versions_only_grow_and_nothing_done_is_nothing_recorded(
    book: SiteListRepository, writer: Writer, store: Store
) -> None:
    (entry,) = book.add(writer, "village", [wanted()], "li")
    first = book.reader.list_versions()["village"]
    assert first >= NOW_NS // SECOND_NS
    assert book.remove(writer, "village", entry.id, "li")
    assert book.reader.list_versions()["village"] == first + 1
    assert not book.remove(writer, "village", entry.id, "li")
    assert not book.remove(writer, "estate", entry.id, "li")
    assert len(store.reader().audit_entries(0, 10)) == 2


def test_a_wrong_entry_among_many_changes_nothing(book: SiteListRepository, writer: Writer, store: Store) -> None:
    with pytest.raises(ListError):
        book.add(writer, "village", [wanted(), wanted(text="x")], "li")
    assert (book.entries("village"), store.reader().audit_entries(0, 10), book.messages()) == ([], [], [])


def test_the_database_shows_no_plate(book: SiteListRepository, writer: Writer, tmp_path: Path) -> None:
    book.add(writer, "village", [wanted()], "li")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert PLATE.encode() not in path.read_bytes()
        assert b"12345" not in path.read_bytes()


def test_other_keys_are_told_apart(book: SiteListRepository, writer: Writer, tmp_path: Path) -> None:
    book.add(writer, "village", [wanted()], "li")
    (tmp_path / "keys.json").unlink()
    other = SiteListRepository(book.reader, KeyRing(tmp_path, os.urandom), book.clock, book.grammars, book.zone)
    with pytest.raises(ListError, match=r"restore keys\.json"):
        other.entries("village")
    (tmp_path / "keys.json").write_text("{}")
    with pytest.raises(ListError, match="restore it"):
        KeyRing(tmp_path, os.urandom)


def test_csv_comes_back_as_it_went(book: SiteListRepository, writer: Writer) -> None:
    book.add(writer, "village", [wanted(owner="=cmd()", valid_until="2026-12-24T18:00+08:00")], "li")
    text = site_list_csv.write(book.entries("village"))
    assert "'=cmd()" in text
    (row,) = site_list_csv.read(text.encode(), NOW_NS)
    assert row.wanted is not None
    (again,) = book.add(writer, "village", [row.wanted], "li")
    assert (again.text, again.owner) == (PLATE, "=cmd()")
    assert again.until_ns == 1_798_106_400 * SECOND_NS
