from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quiet_kit import AREAS, UNIVERSE, FakeAlert

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.alerts.rules import RULES
from aggregator.domain.alerts.types import SEVERITIES
from aggregator.domain.quiet.matching import FIELDS, CompiledMatcher, Matcher, check
from common.errors import QuietError

KINDS = tuple(sorted(RULES))
OBJECTS = tuple(sorted(UNIVERSE.objects))
PLACES = ("cam-1", "cam-2", "door-1")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"severity": ("low", "medium", "high")},
        {"severity": tuple(SEVERITIES)},
        {"kind": KINDS},
        {"place": PLACES},
        {"place": (*PLACES, "another")},
        {"area": ("gates", "halls")},
        {"object": OBJECTS},
        {"kind": KINDS, "severity": ("low", "medium", "high"), "place": PLACES},
    ],
)
@pytest.mark.parametrize("sites", [("village",), ("village", "estate")])
def test_a_matcher_that_covers_everything_of_a_site_is_refused(sites: tuple[str, ...], fields: Any) -> None:
    with pytest.raises(QuietError, match="covers everything of a site; narrow it by place"):
        check(Matcher(site=sites, **fields), UNIVERSE)


@pytest.mark.parametrize(
    "fields",
    [
        {"severity": ("low",)},
        {"severity": ("critical",)},
        {"severity": ("low", "medium", "critical")},
        {"kind": KINDS[1:]},
        {"place": ("cam-1", "cam-2")},
        {"area": ("gates",)},
        {"subject": ("yard",)},
        {"object": ("bicycle",)},
    ],
)
def test_a_matcher_that_leaves_something_is_accepted(fields: Any) -> None:
    check(Matcher(site=("village",), **fields), UNIVERSE)


def test_it_must_narrow_each_of_its_sites() -> None:
    match = Matcher(site=("village", "estate"), place=("cam-8", "cam-9"))
    with pytest.raises(QuietError, match="everything of a site"):
        check(match, UNIVERSE)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"site": ()}, "match.site: is missing"),
        ({"site": ("vilage",)}, "match.site[0]: is not known here; did you mean 'village'?"),
        ({"kind": ("camera.lost", "zone.enterd")}, "match.kind[1]: is not known here; did you mean 'zone.entered'?"),
        ({"area": ("gate",)}, "match.area[0]: is not known here; did you mean 'gates'?"),
        ({"site": ("estate",), "area": ("gates",)}, "match.area[0]: is not known here"),
        ({"object": ("cat",)}, "match.object[0]: is not known here"),
        ({"place": ("a/b",)}, "match.place: must be 1 to 64 of letters"),
        ({"subject": ("",)}, "match.subject: must be 1 to 64 of letters"),
    ],
)
def test_a_mistake_names_the_field_and_the_fix(fields: Any, problem: str) -> None:
    with pytest.raises(QuietError) as error:
        check(Matcher(**{"site": ("village",), "place": ("cam-1",)} | fields), UNIVERSE)
    assert str(error.value).startswith(problem)


@pytest.mark.parametrize(
    ("fields", "covered"),
    [
        ({"place": ("cam-1",)}, True),
        ({"place": ("cam-2", "cam-1")}, True),
        ({"place": ("cam-2",)}, False),
        ({"area": ("gates",)}, True),
        ({"area": ("yard",)}, False),
        ({"kind": ("zone.entered",), "subject": ("yard",), "object": ("person",), "severity": ("medium",)}, True),
        ({"kind": ("zone.entered",), "object": ("car",)}, False),
        ({"severity": ("low",)}, False),
        ({"site": ("estate",)}, False),
    ],
)
def test_an_alert_is_covered_where_all_fields_say_so(fields: Any, covered: bool) -> None:
    assert CompiledMatcher(Matcher(**{"site": ("village",)} | fields)).covers(FakeAlert(), AREAS) is covered


def test_a_critical_alert_is_covered_only_where_the_severity_is_named() -> None:
    forced = FakeAlert(kind="door.forced", place="door-1", severity="critical")
    assert not CompiledMatcher(Matcher(site=("village",), kind=("door.forced",))).covers(forced, AREAS)
    named = Matcher(site=("village",), kind=("door.forced",), severity=("critical",))
    assert named.critical
    assert CompiledMatcher(named).covers(forced, AREAS)


VALUES: dict[str, list[Any]] = {
    "site": ["village", "estate"],
    "area": ["gates", "yard", "halls"],
    "place": ["cam-1", "cam-2", "door-1", "cam-8", "cam-9"],
    "kind": list(KINDS),
    "subject": ["yard", "gate"],
    "object": list(OBJECTS),
    "severity": [*SEVERITIES],
}
FIELDS_OF: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {name: st.lists(st.sampled_from(VALUES[name]), unique=True).map(tuple) for name in FIELDS}
)
matchers = FIELDS_OF.map(lambda fields: Matcher(**fields))


@given(matchers)
@settings(max_examples=2000, deadline=None)
def test_what_is_accepted_leaves_an_ordinary_alert_at_each_site(match: Matcher) -> None:
    try:
        check(match, UNIVERSE)
    except QuietError:
        return
    compiled = CompiledMatcher(match)
    for site in match.site:
        alerts = [
            FakeAlert(site=site, place=place, kind=kind, subject=subject, object=thing, severity=severity)
            for place in sorted(UNIVERSE.devices[site])
            for kind in KINDS
            for subject in ("yard", "another")
            for thing in ("", *OBJECTS)
            for severity in SEVERITIES
            if severity != "critical"
        ]
        assert not all(compiled.covers(alert, AREAS) for alert in alerts)


def test_sites_beyond_a_scope_are_unknown() -> None:
    own = UNIVERSE.within(Scope(places=frozenset({("estate", "cam-9")})))
    with pytest.raises(QuietError, match=r"match.site\[0\]: is not known here$"):
        check(Matcher(site=("village",), place=("cam-1",)), own)
    check(Matcher(site=("estate",), place=("cam-9",)), own)
