from __future__ import annotations

from typing import Any

import pytest
from quiet_kit import AREAS, DAY_NS, HOUR_NS, NOW_NS, UNIVERSE, FakeAlert, silence

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.quiet import silence as silencing
from aggregator.domain.quiet.matching import CompiledMatcher, Matcher
from aggregator.domain.quiet.silence import SilenceIndex, check, end, lies_within, touches, would_hide
from common.errors import QuietError


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"until_ns": NOW_NS}, "until: has passed"),
        ({"until_ns": NOW_NS - 1}, "until: has passed"),
        ({"from_ns": NOW_NS + 2 * DAY_NS}, "until: has passed, or is not later than from"),
        ({"until_ns": NOW_NS + 30 * DAY_NS + 1}, "until: at most 30 days"),
        ({"until_ns": 1 << 62}, "until: at most 30 days"),
        ({"from_ns": NOW_NS + 91 * DAY_NS, "until_ns": NOW_NS + 92 * DAY_NS}, "from: at most 90 days ahead"),
        ({"reason": "  a  "}, "reason: write 3 to 200 characters"),
        ({"reason": "x" * 201}, "reason: write 3 to 200 characters"),
        ({"reason": "broken\nsee above"}, "reason: write 3 to 200 characters without line feeds"),
        ({"match": Matcher(site=("village",))}, "match: covers everything"),
    ],
)
def test_a_silence_that_cannot_be_is_refused_with_the_field_and_the_fix(changed: Any, problem: str) -> None:
    with pytest.raises(QuietError) as error:
        check(silence(**changed), UNIVERSE, NOW_NS)
    assert str(error.value).startswith(problem)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"until_ns": NOW_NS + 30 * DAY_NS},
        {"from_ns": NOW_NS - 400 * DAY_NS},
        {"from_ns": NOW_NS + 60 * DAY_NS, "until_ns": NOW_NS + 90 * DAY_NS},
    ],
)
def test_a_silence_has_an_end_within_30_days(changed: Any) -> None:
    assert check(silence(reason=" building work ", **changed), UNIVERSE, NOW_NS).reason == "building work"


def test_a_silence_counts_from_its_beginning_to_before_its_end() -> None:
    index = SilenceIndex([silence(from_ns=NOW_NS + HOUR_NS, until_ns=NOW_NS + 2 * HOUR_NS)], AREAS)
    at = [NOW_NS, NOW_NS + HOUR_NS, NOW_NS + 2 * HOUR_NS - 1, NOW_NS + 2 * HOUR_NS]
    assert [index.find(FakeAlert(), now_ns) is not None for now_ns in at] == [False, True, True, False]


def test_of_several_the_one_that_ends_last_is_the_reason() -> None:
    kind = Matcher(site=("village",), kind=("zone.entered",))
    later = silence(kind, id="silence-2", until_ns=NOW_NS + 2 * DAY_NS)
    index = SilenceIndex([later, silence()], AREAS)
    found = index.find(FakeAlert(), NOW_NS)
    assert found is not None
    assert found.id == "silence-2"
    assert index.find(FakeAlert(site="estate"), NOW_NS) is None


def test_a_silence_is_ended_early_by_a_person_once() -> None:
    ended = end(silence(), "wang", NOW_NS + HOUR_NS)
    assert (ended.until_ns, ended.ended_by) == (NOW_NS + HOUR_NS, "wang")
    assert not ended.active(NOW_NS + HOUR_NS)
    with pytest.raises(QuietError, match="has ended already"):
        end(ended, "wang", NOW_NS + HOUR_NS)
    before = end(silence(from_ns=NOW_NS + DAY_NS, until_ns=NOW_NS + 2 * DAY_NS), "wang", NOW_NS)
    assert not before.active(NOW_NS + DAY_NS)


@pytest.mark.parametrize(
    ("fields", "scope", "within", "seen"),
    [
        ({"place": ("cam-1",)}, Scope(everywhere=True), True, True),
        ({"kind": ("camera.lost",)}, Scope(sites=frozenset({"village"})), True, True),
        ({"kind": ("camera.lost",)}, Scope(sites=frozenset({"estate"})), False, False),
        ({"site": ("village", "estate"), "kind": ("camera.lost",)}, Scope(sites=frozenset({"estate"})), False, True),
        ({"place": ("cam-1",)}, Scope(places=frozenset({("village", "cam-1")})), True, True),
        ({"place": ("cam-1", "cam-2")}, Scope(places=frozenset({("village", "cam-1")})), False, True),
        ({"place": ("cam-2",)}, Scope(places=frozenset({("village", "cam-1")})), False, False),
        ({"kind": ("camera.lost",)}, Scope(places=frozenset({("village", "cam-1")})), False, True),
        ({"area": ("halls",)}, Scope(places=frozenset({("village", "door-1")})), True, True),
        ({"area": ("gates",)}, Scope(places=frozenset({("village", "cam-1")})), False, True),
        ({"area": ("gates",)}, Scope(), False, False),
    ],
)
def test_a_silence_reaches_no_further_than_its_maker(fields: Any, scope: Scope, within: bool, seen: bool) -> None:
    match = Matcher(**{"site": ("village",)} | fields)
    assert lies_within(match, UNIVERSE, scope) is within
    assert touches(match, UNIVERSE, scope) is seen


def test_an_alert_is_compared_with_the_silences_of_its_site_only(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Counting(CompiledMatcher):
        def covers(self, alert: Any, areas: Any) -> bool:
            asked.append(alert.site)
            return super().covers(alert, areas)

    monkeypatch.setattr(silencing, "CompiledMatcher", Counting)
    many = [silence(Matcher(site=(f"site-{n % 100}",), place=("x",)), id=str(n)) for n in range(10_000)]
    SilenceIndex(many, {}).find(FakeAlert(site="site-7"), NOW_NS)
    assert len(asked) == 100


def test_the_preview_names_what_would_have_been_hidden() -> None:
    alerts = [FakeAlert(id=str(n), place=f"cam-{n % 3}") for n in range(9)]
    hidden = would_hide(Matcher(site=("village",), place=("cam-1",)), alerts, AREAS)
    assert [alert.id for alert in hidden] == ["1", "4", "7"]
