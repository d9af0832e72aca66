"""What a configuration of escalation must say: every mistake is named with its field."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from aggregator.services.monitoring.escalation_service import parsed
from aggregator.settings import aggregator as settings
from aggregator.settings.escalation import Escalation
from common import settings_loader
from common.errors import EscalationError, SettingsError


def level(*notify: str, **more: Any) -> dict[str, Any]:
    return {"notify": list(notify or ("supervisors",)), **more}


def chain(*levels: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"areas": ["*"], "levels": list(levels or (level(),)), **more}


def document(**parts: Any) -> dict[str, Any]:
    return {"chains": {"main": chain()}, **parts}


ROTA = {"people": ["li"], "start": "2026-11-23T08:00"}
OFFICE = {"hours": {"mon": ["08:00-18:00"]}}

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a loop of two": (
        document(chains={"a": chain(then="b"), "b": {"levels": [level()], "then": "a"}}),
        "chains.b.then: a loop: a → b → a",
    ),
    "a loop of one": (document(chains={"a": chain(then="a")}), "chains.a.then: a loop: a → a"),
    "nobody in a rota": (
        document(chains={"main": chain(level("rota:n"))}, rotas={"n": ROTA | {"people": []}}),
        "rotas.n: people: nobody is on call",
    ),
    "nobody at a level": (
        document(chains={"main": chain({"notify": []})}),
        "chains.main.levels[0]: notify: nobody is notified",
    ),
    "nobody outside of the hours": (
        document(chains={"main": chain(level(calendar="office"))}, calendars={"office": OFFICE}),
        "chains.main.levels: nobody is on call for 'critical' outside of the hours of office",
    ),
    "nobody for critical alerts": (
        document(chains={"main": chain(level(minutes={"low": 5}))}),
        "chains.main.levels: no level has minutes for 'critical'",
    ),
    "an unknown rota": (
        document(chains={"main": chain(level("rota:nigth"))}, rotas={"night": ROTA}),
        "chains.main.levels[0].notify[0]: there is no rota 'nigth'; did you mean 'night'?",
    ),
    "an unknown chain": (document(chains={"main": chain(then="town")}), "chains.main.then: there is no chain 'town'"),
    "an unknown calendar": (
        document(chains={"main": chain(level(calendar="x", outside=["supervisors"]))}),
        "chains.main.levels[0].calendar: there is no calendar 'x'",
    ),
    "two chains of an area": (
        document(chains={"a": chain(), "b": chain()}),
        "chains.b.areas: '*' has the chain 'a' already",
    ),
    "a target that is none": (document(chains={"main": chain(level("li"))}), "'li' must be user:NAME, rota:NAME"),
    "a zone that is none": (document(rotas={"n": ROTA | {"timezone": "Mars/Base"}}), "rotas.n: timezone: 'Mars/Base'"),
    "a time that is none": (document(rotas={"n": ROTA | {"start": "monday"}}), "rotas.n: start: 'monday'"),
    "a span that ends first": (document(calendars={"c": {"hours": {"mon": ["18:00-08:00"]}}}), "calendars.c: hours"),
    "an unknown weekday": (document(calendars={"c": {"hours": {"someday": []}}}), "calendars.c"),
    "a limit of nothing": (document(chains={"main": chain(level(minutes={"critical": 0}))}), "minutes"),
    "too many levels": (document(chains={"main": chain(*[level()] * 9)}), "length <= 8"),
    "an unknown key": (document(chain={}), "did you mean 'chains'?"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_is_said_with_its_field(case: str) -> None:
    wrong, words = WRONG[case]
    with pytest.raises(EscalationError) as error:
        parsed(wrong)
    assert words in str(error.value)


def test_a_complete_configuration_is_taken() -> None:
    office = level("user:li", calendar="office", outside=["rota:night"], name="village")
    whole = parsed(
        document(
            chains={
                "village": chain(office, then="town", areas=["gates"]),
                "town": {"levels": [level("user:王小明", name="town"), level(name="district")], "then": "city"},
                "city": {"levels": [level("rota:night", name="city")], "repeat": 3},
            },
            rotas={"night": ROTA},
            calendars={"office": OFFICE | {"holidays": "CN"}},
        )
    )
    assert [it.name for it in whole.chains["town"].levels] == ["town", "district"]


def test_the_settings_file_is_checked_with_line_and_field() -> None:
    text = (
        "sites: {village: {}}\nescalation:\n  village:\n    chains:\n      a:\n        areas: ['*']\n        then: a\n"
        "        levels: [{notify: [supervisors]}]\n"
    )
    with pytest.raises(SettingsError, match=r"escalation\.village: chains\.a\.then: a loop"):
        settings_loader.read(text, settings.Settings)
    with pytest.raises(SettingsError, match="there is no site 'harbour' in sites"):
        settings_loader.read("escalation: {harbour: {}}\n", settings.Settings)
    with pytest.raises(SettingsError, match=r"'10\.1' is no network"):
        settings_loader.read("notifications: {networks: ['10.1']}\n", settings.Settings)


def test_what_is_saved_reads_back_the_same() -> None:
    whole = parsed(document(rotas={"night": ROTA}, calendars={"office": OFFICE}))
    assert parsed(msgspec.json.decode(msgspec.json.encode(whole))) == whole
    assert parsed({}) == Escalation()
