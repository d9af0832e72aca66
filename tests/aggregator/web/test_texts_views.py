from __future__ import annotations

import string
from datetime import datetime

import msgspec
import pytest
from agg_support import START_NS, event

from aggregator.domain.alerts.lifecycle import Context, transition
from aggregator.domain.alerts.rules import RULES
from aggregator.domain.alerts.types import SEVERITIES, EventObserved
from aggregator.domain.read_models import Box, Camera
from aggregator.web.dashboard.html import alert_html
from aggregator.web.dashboard.i18n.texts import LANGUAGES, TEXTS, choose
from aggregator.web.dashboard.login.login import page
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
    alert, _ = transition(None, EventObserved(event(1)), Context(START_NS, lambda: "a"))
    assert alert is not None
    nasty = msgspec.structs.replace(
        alert,
        subject="<i>",
        object="<b>",
        acknowledgement="acknowledged",
        acknowledged_by="<u>",
        picture_event='"><script>',
    )
    text = alert_html.body_html(nasty, TEXTS["en"], site="<site>", camera="<cam>", first="", last="<last>")
    text += alert_html.picture_html(nasty, TEXTS["en"], '"><script>')
    camera = Camera(site="<s>", box="<x>", id="c", name="<n>", state="up", fps=1, watch="", seen_ns=0)
    text += alert_html.cameras_html([camera], TEXTS["en"])
    for bad in ("<i>", "<u>", "<site>", "<cam>", "<last>", "<script>", "<n>", "<s>", "<x>"):
        assert bad not in text
    assert "<script>alert" not in page("en", "<script>alert(1)</script>")


@pytest.mark.parametrize("kind", sorted(RULES))
@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_kind_has_a_title(kind: str, language: str) -> None:
    alert, _ = transition(None, EventObserved(event(1)), Context(START_NS, lambda: "a"))
    assert alert is not None
    assert alert_html.title(msgspec.structs.replace(alert, kind=kind), TEXTS[language]) != kind


def test_a_boxs_row_tells_what_is_wrong() -> None:
    box = Box(
        site="s", box="b", epoch="", online=False, version="1", timezone="UTC", outbox_waiting=3, outbox_bytes=0,
        status_ns=0, committed=5, lost=2, quarantined=0, gaps=[(3, 4), (9, 9)],
    )  # fmt: skip
    text = alert_html.boxes_html([box], TEXTS["en"])
    for part in ("offline", "3 waiting", "3 missing", "2 lost"):
        assert part in text


def test_the_date_is_shown_when_it_is_not_today() -> None:
    now = datetime(2026, 11, 23, 9, 0, 0)
    assert alert_html.clock_text(datetime(2026, 11, 23, 8, 5, 1), now) == "08:05:01"
    assert alert_html.clock_text(datetime(2026, 11, 22, 8, 5, 1), now) == "2026-11-22 08:05:01"
