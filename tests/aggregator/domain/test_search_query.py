"""What may be asked, page cursors, and what a case allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.domain.investigation import case as cases
from aggregator.domain.investigation import search_query
from aggregator.domain.investigation.search_query import SearchQuery, decode_cursor, encode_cursor, make, parse
from common.clock import DAY_NS, SECOND_NS
from common.errors import CaseError, ContractError
from protocol.identifiers import uuid7

NOW_NS = 1_795_000_000 * SECOND_NS
TIMES = [("from", "2026-11-01T00:00:00Z"), ("until", "2026-11-02T00:00:00Z")]
ASKED = make({"from_ns": NOW_NS - DAY_NS, "until_ns": NOW_NS, "sites": ["east"]})


def test_there_is_no_way_to_ask_for_a_person_a_track_a_card_or_a_car() -> None:
    """The whole list of what can be asked. Whoever adds a name here must have read docs/internals/privacy.md first."""
    fields = {"from_ns", "until_ns", "sites", "places", "kinds", "objects", "zones", "limit"}
    assert set(SearchQuery.__struct_fields__) == fields
    assert set(search_query.PARAMETERS.values()) == fields
    assert set(search_query.SearchResult.__struct_fields__) == {
        "id", "site", "box", "place", "kind", "time_ns", "object", "zone", "picture",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["track", "credential", "vehicle", "person", "plate", "entry", "face", "q", "box", ""])
def test_what_cannot_be_asked_for_is_refused(name: str) -> None:
    with pytest.raises(ContractError, match=f"'{name}' cannot be asked for; choose from site, place, kind"):
        parse([*TIMES, (name, "x")])
    with pytest.raises(ContractError):
        make({"from_ns": 0, "until_ns": 1, name: "x"})


def test_an_address_becomes_a_question() -> None:
    asked = [("site", "east"), ("site", "west"), ("place", "north/cam-1"), ("kind", "zone.left"), ("object", "truck")]
    search = parse([*TIMES, *asked, ("zone", "yard"), ("limit", "7")])
    assert (search.sites, search.places, search.limit) == (("east", "west"), ("north/cam-1",), 7)
    assert (search.kinds, search.objects, search.zones) == (("zone.left",), ("truck",), ("yard",))
    assert search.until_ns - search.from_ns == DAY_NS


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ([("until", "2026-11-02T00:00:00Z")], "from_ns"),
        ([("from", "yesterday")], "'from'"),
        ([*TIMES, ("from", "2026-11-01T00:00:00Z")], "'from' stands twice"),
        ([TIMES[0], ("until", "2026-12-03T00:00:00Z")], "31 days"),
        ([TIMES[1], ("until", "2026-11-02T00:00:00Z"), ("from", "2026-11-02T00:00:00Z")], "'until' stands twice"),
        ([TIMES[0], ("until", "2026-11-01T00:00:00Z")], "until must be later"),
        ([*TIMES, ("limit", "201")], "limit"),
        ([*TIMES, ("limit", "0")], "limit"),
        ([*TIMES, ("limit", "-1")], "'limit'"),
        ([*TIMES, ("limit", "١")], "'limit'"),
        ([*TIMES, ("kind", "person.seen")], "person.seen"),
        ([*TIMES, ("object", "child")], "objects"),
        ([*TIMES, ("zone", "a b")], "zones"),
        ([*TIMES, ("site", "../x")], "sites"),
        ([*TIMES, ("place", "cam-1")], "places"),
        ([*TIMES, *[("place", f"east/cam-{it}") for it in range(51)]], "places"),
    ],
)
def test_a_wrong_question_names_the_field(asked: list[tuple[str, str]], named: str) -> None:
    with pytest.raises(ContractError, match=named):
        parse(asked)


@given(st.integers(ASKED.from_ns, ASKED.until_ns), st.one_of(st.just(""), st.binary(min_size=10, max_size=10)))
def test_a_cursor_comes_back_and_fits_its_question_only(time_ns: int, noise: bytes | str) -> None:
    key = (time_ns, uuid7(NOW_NS, noise) if isinstance(noise, bytes) else "")
    cursor = encode_cursor(ASKED, key)
    assert decode_cursor(ASKED, cursor) == key
    other = make({"from_ns": ASKED.from_ns, "until_ns": ASKED.until_ns, "sites": ["west"]})
    with pytest.raises(ContractError, match="another question"):
        decode_cursor(other, cursor)


@given(st.one_of(st.text(), st.binary().map(lambda it: it.decode("latin-1"))))
def test_a_made_up_cursor_is_refused(text: str) -> None:
    with pytest.raises(ContractError, match="cursor"):
        decode_cursor(ASKED, text)


def test_a_cursor_from_outside_the_question_is_refused() -> None:
    with pytest.raises(ContractError, match="another question"):
        decode_cursor(ASKED, encode_cursor(ASKED, (ASKED.from_ns - 1, "")))
    with pytest.raises(ContractError, match="another question"):
        decode_cursor(ASKED, encode_cursor(ASKED, (ASKED.from_ns, "no id")))


def case_of(**fields: object) -> cases.Case:
    base = {
        "id": "2026-117", "purpose": "who drove into the barrier", "basis": "incident", "site": "east",
        "expires_ns": NOW_NS + DAY_NS,
    }  # fmt: skip
    return cases.new({**base, **fields}, "li", NOW_NS)[0]


def test_opening_a_case_is_an_act_that_says_what_it_allows() -> None:
    told = {"id": "A/1", "purpose": "who drove into the barrier", "basis": "court_order", "site": "east"}
    case, act = cases.new({**told, "expires_ns": NOW_NS + 5, "places": ["east/cam-1"], "from_ns": 3}, "li", NOW_NS)
    assert (case.opened_by, case.opened_ns, case.open_at(NOW_NS), case.open_at(NOW_NS + 5)) == (
        "li",
        NOW_NS,
        True,
        False,
    )
    assert (act.what, act.case, act.site, act.reason) == ("case.opened", "A/1", "east", case.purpose)
    assert act.detail == {
        "basis": "court_order", "expires_ns": str(NOW_NS + 5), "places": "east/cam-1", "from_ns": "3",
    }  # fmt: skip
    end = cases.closing(case, "wang", NOW_NS + 1)
    assert (end.what, end.who, end.case, end.site) == ("case.closed", "wang", "A/1", "east")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"id": ""}, "id"),
        ({"id": "a\nb"}, "id"),
        ({"purpose": "looking"}, "purpose"),
        ({"purpose": " " * 20}, "purpose"),
        ({"basis": "curiosity"}, "basis"),
        ({"expires_ns": NOW_NS}, "expires_ns"),
        ({"expires_ns": NOW_NS + 181 * DAY_NS}, "180 days"),
        ({"places": ["west/cam-1"]}, "west/cam-1"),
        ({"from_ns": 5, "until_ns": 5}, "until_ns"),
        ({"opened_by": "somebody else"}, "opened_by"),
        ({"person": "x"}, "person"),
    ],
)
def test_a_case_that_cannot_be_names_the_field(fields: dict[str, object], named: str) -> None:
    with pytest.raises(ContractError, match=named):
        case_of(**fields)


def test_a_search_within_its_case_is_permitted_as_an_act() -> None:
    act = cases.permit(case_of(from_ns=ASKED.from_ns, until_ns=ASKED.until_ns), ASKED, "li", NOW_NS)
    assert (act.what, act.case, act.site, act.who) == ("search", "2026-117", "east", "li")
    assert act.detail == {"from_ns": str(ASKED.from_ns), "until_ns": str(ASKED.until_ns), "sites": "east"}
    some = make({"from_ns": 1, "until_ns": 2, "places": ["east/cam-1"], "kinds": ["door.forced"]})
    act = cases.permit(case_of(places=["east/cam-1", "east/cam-2"]), some, "li", NOW_NS)
    assert act.detail == {"from_ns": "1", "until_ns": "2", "places": "east/cam-1", "kinds": "door.forced"}


@pytest.mark.parametrize(
    ("limits", "asked", "now_ns", "told"),
    [
        ({}, {"sites": ["west"]}, NOW_NS, "site 'east' only"),
        ({}, {"sites": ["east", "west"]}, NOW_NS, "site 'east' only"),
        ({}, {"sites": []}, NOW_NS, "site 'east' only"),
        ({}, {"sites": ["east"], "places": ["west/cam-1"]}, NOW_NS, "site 'east' only"),
        ({"places": ["east/cam-1"]}, {"sites": ["east"]}, NOW_NS, "east/cam-1 only"),
        ({"places": ["east/cam-1"]}, {"sites": [], "places": ["east/cam-1", "east/cam-2"]}, NOW_NS, "east/cam-1 only"),
        ({"from_ns": 11}, {"from_ns": 10, "until_ns": 12}, NOW_NS, "begins at 1970-01-01T00:00:00"),
        ({"until_ns": 11}, {"from_ns": 10, "until_ns": 12}, NOW_NS, "ends at 1970-01-01T00:00:00"),
        ({}, {}, NOW_NS + DAY_NS, "has expired"),
    ],
)
def test_a_search_beyond_its_case_is_refused_with_the_limit(
    limits: dict[str, object], asked: dict[str, object], now_ns: int, told: str
) -> None:
    search = make({"from_ns": 1, "until_ns": 2, "sites": ["east"], **asked})
    with pytest.raises(CaseError, match=told):
        cases.permit(case_of(**limits), search, "li", now_ns)


def test_a_closed_case_is_over() -> None:
    import msgspec

    closed = msgspec.structs.replace(case_of(), closed_by="wang", closed_ns=NOW_NS)
    with pytest.raises(CaseError, match="closed by wang"):
        cases.permit(closed, ASKED, "li", NOW_NS)
