"""UX.md fault 17: hits as visits, whatever the pages that they come in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aggregator.domain.investigation.search_query import SearchResult
from aggregator.domain.investigation.visit_grouping import GAP_NS, MOST_HITS, VisitGrouper
from common.clock import SECOND_NS


def hit(
    at_s: int, place: str = "yard", what: str = "person", *, kind: str = "zone.entered", picture: bool = False
) -> SearchResult:
    return SearchResult(
        id=f"{place}-{at_s}", site="village", box="gate-1", place=place, kind=kind, time_ns=at_s * SECOND_NS,
        object=what, zone="forecourt", picture=picture,
    )  # fmt: skip


def test_ux_17_a_hundred_hits_of_one_minute_are_one_visit() -> None:
    grouper = VisitGrouper()
    grouper.add([hit(1_000 - it // 2, picture=it == 40) for it in range(112)])
    (visit,) = grouper.visits
    assert (visit.count, visit.first_ns, visit.last_ns) == (112, 945 * SECOND_NS, 1_000 * SECOND_NS)
    assert visit.shown.picture
    assert len(visit.hits) == MOST_HITS


def test_ux_17_place_kind_object_and_a_pause_tell_visits_apart() -> None:
    grouper = VisitGrouper()
    gap_s = GAP_NS // SECOND_NS
    grouper.add([
        hit(5_000), hit(4_999, "lane"), hit(4_998, what="car"), hit(4_997, kind="zone.left"), hit(5_000 - gap_s),
        hit(4_999 - 2 * gap_s),
    ])  # fmt: skip
    counts = [(visit.key[1], visit.key[3], visit.key[2], visit.count) for visit in grouper.visits]
    assert counts == [
        ("yard", "person", "zone.entered", 2), ("lane", "person", "zone.entered", 1),
        ("yard", "car", "zone.entered", 1),
        ("yard", "person", "zone.left", 1), ("yard", "person", "zone.entered", 1),
    ]  # fmt: skip


@given(st.lists(st.integers(0, 2_000), max_size=60), st.integers(1, 20))
def test_ux_17_pages_make_no_difference_and_no_hit_is_lost(times: list[int], page: int) -> None:
    hits = [hit(at) for at in sorted(times, reverse=True)]
    whole, paged = VisitGrouper(), VisitGrouper()
    whole.add(hits)
    for begin in range(0, len(hits), page):
        paged.add(hits[begin : begin + page])
    assert paged.visits == whole.visits
    assert sum(visit.count for visit in whole.visits) == len(hits)
    for later, earlier in zip(whole.visits, whole.visits[1:], strict=False):
        assert later.first_ns - earlier.last_ns > GAP_NS
