"""A hand-over lists what is silenced, under maintenance or shelved within its scope."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest
from agg_support import run_apart
from quiet_kit import AREAS, HOUR_NS, NOW_NS, UNIVERSE, shelf, silence, window

from aggregator.domain.accounts.authorization import Principal, RoleAssignment
from aggregator.domain.quiet.decisions import QuietDecisions
from aggregator.domain.quiet.maintenance import Weekly
from aggregator.domain.quiet.matching import Matcher
from aggregator.domain.read_models import Batch, StatusSeen
from aggregator.domain.shift.handover import Content, Handover, QuietLine, freeze
from aggregator.domain.store_port import Store, Writer
from aggregator.services.shift import handover_quiet
from aggregator.services.shift.handover_service import HandoverService
from aggregator.services.site_clock import SiteClock
from aggregator.web.dashboard.i18n.texts import TEXTS
from aggregator.web.dashboard.shift.handover_html import content_html
from common.clock import FakeClock
from protocol.receipts import BoxStatus, CameraStatus

ALL = Principal("li", (RoleAssignment("monitor"),))
DECISIONS = QuietDecisions(
    silences=[
        silence(id="s-1", until_ns=NOW_NS + 3 * HOUR_NS),
        silence(Matcher(site=("estate",), severity=("critical",)), id="s-2", until_ns=NOW_NS + HOUR_NS),
        silence(id="s-3", until_ns=NOW_NS - 1, from_ns=NOW_NS - HOUR_NS),
    ],
    windows=[
        window(id="w-1", devices=("door-1",), until_ns=NOW_NS + 9 * HOUR_NS,
               weekly=Weekly(days=(1,), at="22:00", minutes=60)),
    ],
    shelves=[shelf(until_ns=NOW_NS + 2 * HOUR_NS)],
)  # fmt: skip


@pytest.fixture
def service(store: Store, writer: Writer) -> HandoverService:
    cameras = [CameraStatus(id="cam-1", name="Main gate <1>")]
    status = StatusSeen("village", "gate-1", BoxStatus(online=True, cameras=cameras), NOW_NS)
    writer.apply(Batch(statuses=[status], quiet=DECISIONS))
    clock = FakeClock(now_ns=NOW_NS)
    return HandoverService(store.reader(), cast(Any, None), AREAS, clock, str, lambda: UNIVERSE)


def quiet_of(service: HandoverService, scope: str) -> list[tuple[str, dict[str, tuple[str, ...]]]]:
    return [(it.what, it.covers) for it in run_apart(service.current(ALL, scope)).quiet]


def test_what_has_not_ended_is_listed_within_the_scope_the_next_end_first(service: HandoverService) -> None:
    gate = ("silence", {"place": ("Main gate <1>",)})
    door = ("maintenance", {"place": ("door-1",)})
    estate = ("silence", {"severity": ("critical",)})
    (shelved,) = [it for it in quiet_of(service, "*") if it[0] == "shelf"]
    assert quiet_of(service, "*") == [estate, shelved, gate, door]
    assert quiet_of(service, "estate") == [estate]
    assert estate not in quiet_of(service, "village")
    assert door in quiet_of(service, "village/halls")
    assert gate not in quiet_of(service, "village/halls")


def test_the_list_is_bounded(service: HandoverService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover_quiet, "MOST_QUIET", 2)
    assert len(quiet_of(service, "*")) == 2


def test_the_page_says_it_in_words_and_as_text(service: HandoverService) -> None:
    content = run_apart(service.current(ALL, "*"))
    for language, wanted in (("en", ("Silence", "Severity: Critical", "weekly")), ("zh-CN", ("静默", "紧急", "每周"))):
        html = content_html(content, SiteClock({}, FakeClock(now_ns=NOW_NS)), TEXTS[language])
        assert [text for text in wanted if text not in html] == []
        assert "Main gate &lt;1&gt;" in html
        assert "<1>" not in html


def test_a_document_of_an_older_version_is_read(service: HandoverService) -> None:
    content = run_apart(service.current(ALL, "*"))
    assert content.quiet
    made = freeze(content, "h-1", "li")
    assert made.read() == content
    without = {name: value for name, value in msgspec.to_builtins(content).items() if name != "quiet"}
    older: Handover = freeze(msgspec.convert(without, Content), "h-1", "li")
    text = older.content.replace('"quiet":[],', "")
    assert '"quiet"' not in text
    old = msgspec.json.decode(text.encode(), type=Content)
    assert (old.quiet, old.notes) == ((), content.notes)
    assert isinstance(content.quiet[0], QuietLine)
