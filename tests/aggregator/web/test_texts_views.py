from __future__ import annotations

import re
import string
from pathlib import Path

import msgspec
import pytest

from aggregator.domain.alerts.rules import RULES
from aggregator.domain.alerts.types import SEVERITIES
from aggregator.domain.quality.aggregates import Source
from aggregator.domain.shift.handover import AlertLine, Content
from aggregator.services.site_clock import SiteClock
from aggregator.settings.aggregator import Site
from aggregator.web.dashboard.i18n.texts import LANGUAGES, TEXTS, choose
from aggregator.web.dashboard.login.login import page
from aggregator.web.dashboard.monitoring import script_page
from aggregator.web.dashboard.shell import assets
from aggregator.web.dashboard.shell.top_bar import PAGE_TEXTS, SCRIPT_TEXTS
from aggregator.web.dashboard.shift.handover_html import content_html
from aggregator.web.dashboard.shift.report_html import Named, short_text, source_text
from common.clock import FakeClock
from pipelines.types import CLASSES
from protocol.event_types import KINDS


def holes(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_all_languages_say_the_same_things() -> None:
    assert set(TEXTS) == set(LANGUAGES) == {"en", "zh-CN"}
    assert set(TEXTS["en"]) == set(TEXTS["zh-CN"])
    for key in TEXTS["en"]:
        assert all(text.strip() for words in TEXTS.values() for text in words.forms(key))
        assert len({frozenset(holes(text)) for words in TEXTS.values() for text in words.forms(key)}) == 1, key


@pytest.mark.parametrize(("other", "term"), [("摄像机", "摄像头"), ("模糊处理", "打码"), ("原始视频", "未打码副本")])
def test_a_thing_has_one_chinese_term(other: str, term: str) -> None:
    texts = [text for key in TEXTS["zh-CN"] for text in TEXTS["zh-CN"].forms(key)]
    assert [text for text in texts if other in text] == []
    assert any(term in text for text in texts)


def test_counted_texts_have_all_plural_forms() -> None:
    counted = [key for key in TEXTS["en"] if len(TEXTS["en"].forms(key)) > 1]
    assert counted
    for key in counted:
        assert (len(TEXTS["en"].forms(key)), len(TEXTS["zh-CN"].forms(key))) == (2, 1)
    assert TEXTS["en"].counted("footage.missing", 1) == "1 gap"
    assert [TEXTS["en"].counted("footage.missing", count) for count in (0, 2)] == ["0 gaps", "2 gaps"]
    assert TEXTS["zh-CN"].counted("footage.missing", 1) == "1 处缺失"


def test_there_is_a_word_for_everything() -> None:
    wanted = (
        {f"kind.{it}" for it in KINDS} | {f"severity.{it}" for it in SEVERITIES} | {f"object.{it}" for it in CLASSES}
    )
    assert wanted <= set(TEXTS["en"])


@pytest.mark.parametrize(
    ("cookie", "accept", "language"),
    [
        (None, "", "en"), (None, "zh-TW", "zh-CN"), (None, "fr, zh;q=0.2", "zh-CN"), ("zh-CN", "en", "zh-CN"),
        ("xx", "zh", "zh-CN"), (None, "en;q=nonsense, ;;;,zh", "zh-CN"), (None, "en-GB,en;q=0.9,zh;q=0.8", "en"),
    ],
)  # fmt: skip
def test_choosing_a_language(cookie: str | None, accept: str, language: str) -> None:
    assert choose(cookie, accept) == language


def test_everything_from_outside_is_escaped() -> None:
    assert "<script>alert" not in page("en", "<script>alert(1)</script>")
    assert "<script>alert" not in page("en", target='/?a="><script>alert(1)</script>')


@pytest.mark.parametrize("kind", sorted(RULES))
def test_every_kind_of_alert_has_a_name(kind: str) -> None:
    assert all(words[f"kind.{kind}"] != kind for words in TEXTS.values())


CLOCK = SiteClock({"village": Site(name="Stone Bridge")}, FakeClock())


def test_reports_name_places_and_fall_back_to_ids() -> None:
    named, words = (
        Named(CLOCK, {("village", "gate-1", "cam-0"): "Main gate", ("village", "gate-1", "hall"): ""}),
        TEXTS["en"],
    )
    of_camera = Source("village", "gate-1", "cam-0", "zone.entered", "yard")
    assert source_text(of_camera, named, words) == "Stone Bridge · Main gate · Zone entered · yard"
    assert short_text(Source("village", "gate-1", "hall", "door.forced", "hall"), named, words) == "hall · Door forced"
    assert short_text(Source("village", "gate-1", "", "box.lost", ""), named, words) == "gate-1 · Box lost"


def test_a_hand_over_names_who_acknowledged() -> None:
    line = AlertLine(
        id="a", site="village", box="b", place="cam", kind="zone.entered", subject="", object="", severity="high",
        acknowledgement="acknowledged", assignee="", count=1, first_ns=1, last_ns=9,
    )  # fmt: skip

    def shown(alert: AlertLine) -> str:
        content = Content(
            scope="village", since_ns=None, at_ns=10, counts={"high": 1}, alerts=(alert,), hidden_count=0, hidden=(),
            devices=(), notes=(),
        )  # fmt: skip
        return content_html(content, CLOCK, TEXTS["en"])

    assert "Acknowledged by li" in shown(msgspec.structs.replace(line, acknowledged_by="li"))
    assert "<td>Acknowledged</td>" in shown(line)  # a document of an earlier version


PAGE_SCRIPTS = script_page.SCRIPTS | {"/footage": "footage/main.js"}
IMPORT = re.compile(r'from "(\.[^"]+)"')
TEXT = re.compile(r"\b(?:t|counted)\(([\"`])([\w.]+)")


def scripts(first: Path) -> set[Path]:
    """A script and all that it imports."""
    found, waiting = set[Path](), [first.resolve()]
    while waiting:
        script = waiting.pop()
        if script not in found:
            found.add(script)
            waiting += [(script.parent / it).resolve() for it in IMPORT.findall(script.read_text("utf-8"))]
    return found


@pytest.mark.parametrize(("page", "script"), sorted(PAGE_SCRIPTS.items()))
def test_a_page_has_every_text_that_its_scripts_show(page: str, script: str) -> None:
    prefixes = SCRIPT_TEXTS + PAGE_TEXTS.get(page, ())
    for path in scripts(assets.FOLDER / script):
        wanted = {key for _, key in TEXT.findall(path.read_text("utf-8"))}
        if path.name == "box_words.js":
            wanted.add("box.")
        assert {it for it in wanted if not it.startswith(prefixes)} == set(), path.name
