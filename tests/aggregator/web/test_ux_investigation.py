"""UX.md faults 17 and 18 on the pages: visits, clips that report by themselves, the line of a day, one case for all."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from agg_support import JPEG, START_NS, USER, Sender, Web, add_staff, entered, event, log_in, wait_until
from picture_box import Running, show_today
from playwright.sync_api import Page, expect
from web.test_search_web import moment, new_case

from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.clip import CaseClip
from aggregator.domain.read_models import Batch, ReceivedEvent, TimelineEvent
from aggregator.domain.store_port import Store, Writer
from aggregator.services.footage.case_footage_service import CaseFootageService
from aggregator.web.dashboard.html import footage_html as views
from aggregator.web.dashboard.i18n.texts import TEXTS
from aggregator.web.dashboard.investigation.chosen_case import Chosen, ChosenCases
from common.clock import SECOND_NS, SystemClock
from common.errors import StoreError
from protocol.commands import RecordedRanges, Span
from protocol.identifiers import to_rfc3339
from protocol.receipts import BoxStatus, CameraStatus, encode

from picture_box import running  # noqa: F401  # isort: skip

ZONE = ZoneInfo("Asia/Shanghai")
HOUR_NS = 3600 * SECOND_NS
DAY = (0, 24 * HOUR_NS)
WORDS = TEXTS["en"]
SECOND_PX = 1232 / 60
"""On the line of a minute, in the window of the tests."""


def test_ux_18_all_events_are_counted_by_the_database(store: Store, writer: Writer) -> None:
    events = [event(it, time_ns=START_NS + it * SECOND_NS, number=it) for it in range(1, 3_001)]
    writer.apply(Batch(events=[ReceivedEvent(it, None, START_NS) for it in events]))
    writer.apply(Batch(events=[ReceivedEvent(event(9_000, place="other", number=9_000), None, START_NS)]))
    where, span = ("village", "gate-1", "cam-1"), (START_NS, START_NS + 3_600 * SECOND_NS)
    bins = store.reader().timeline_bins(where, span, 240)
    assert (len(bins), sum(bins)) == (240, 3_000)
    assert (bins[0], bins[1], bins[200], bins[201]) == (14, 15, 1, 0)
    assert sum(store.reader().timeline_bins(where, (span[0], START_NS + 10 * SECOND_NS), 7)) == 9
    assert store.reader().timeline_bins(("village", "gate-1", "none"), span, 4) == [0, 0, 0, 0]


def line(
    bins: list[int],
    moments: list[TimelineEvent],
    view: tuple[int, int] = DAY,
    pointers: views.Pointers = views.Pointers(0),  # noqa: B008 - it cannot change
) -> str:
    kept = RecordedRanges(spans=(Span(0, 8 * HOUR_NS),), gaps=(Span(8 * HOUR_NS, 8 * HOUR_NS + SECOND_NS, "disk"),))
    return views.line_html(kept, views.Density(bins, moments), view, (ZONE, WORDS), pointers)


@pytest.mark.parametrize(
    ("at_h", "marked_h", "playhead", "band"),
    [
        (9, (0, 0), ("0.0", False), None),
        (12, (0, 0), ("720.0", False), None),
        (8, (0, 0), ("0.0", True), None),
        (16, (0, 0), ("1440.0", True), None),
        (12, (10, 11), ("720.0", False), ("240.0", "240.0")),
        (12, (2, 12), ("720.0", False), ("0.0", "720.0")),
        (12, (12, 0), ("720.0", False), ("720.0", "2.0")),
        (12, (0, 12), ("720.0", False), ("720.0", "2.0")),
        (12, (2, 9), ("720.0", False), None),
        (12, (15, 16), ("720.0", False), None),
    ],
)
def test_ux_18_the_line_shows_the_moment_and_the_marked_range(
    at_h: int, marked_h: tuple[int, int], playhead: tuple[str, bool], band: tuple[str, str] | None
) -> None:
    pointers = views.Pointers(at_h * HOUR_NS, (marked_h[0] * HOUR_NS, marked_h[1] * HOUR_NS))
    made = line([], [], (9 * HOUR_NS, 15 * HOUR_NS), pointers)
    head = re.search(r'data-testid="playhead" x1="([\d.]+)" x2="([\d.]+)"[^>]*?( visibility="hidden")?/>', made)
    assert head is not None
    assert (head[1], head[1], head[3] is not None) == (playhead[0], head[2], playhead[1])
    bar = re.search(r'data-testid="bar-marked" x="([\d.]+)" y="14" width="([\d.]+)"', made)
    assert (bar and (bar[1], bar[2])) == band
    assert f'data-from_ms="{9 * 3_600_000}" data-to_ms="{15 * 3_600_000}"' in made


def test_ux_18_the_line_shows_density_gaps_and_local_times() -> None:
    made = line([0, 5, 20_000, *[0] * 237], [])
    assert re.findall(r'data-count="(\d+)"', made) == ["5", "20000"]
    assert "20000 events" in made
    gap = re.search(r'data-testid="bar-gap" x="[\d.]+" y="20" width="([\d.]+)" height="22"><title>([^<]*)', made)
    assert gap is not None
    assert (float(gap[1]) >= 3, gap[2]) == (True, "Missing 16:00:00 – 16:00:01 disk")
    assert re.findall(r">(\d\d:\d\d)</span>", made) == [f"{(8 + it) % 24:02}:00" for it in range(0, 25, 3)]
    seconds = line([1], [TimelineEvent(30 * SECOND_NS, "zone.entered")], (0, 60 * SECOND_NS))
    assert "08:00:30" in seconds
    assert seconds.count('class="event one"') == 1


def test_ux_18_zoom_stays_within_the_day_and_above_a_minute() -> None:
    view = views.zoomed(DAY, DAY, 0.5, 0.25)
    assert view == (9 * HOUR_NS, 15 * HOUR_NS)
    assert views.zoomed(view, DAY, 0.0, 4.0) == DAY
    assert views.zoomed(view, DAY, 1.0, 1e-9) == (15 * HOUR_NS - views.LEAST_NS, 15 * HOUR_NS)
    assert views.zoomed(DAY, DAY, 7.0, 0.5) == (12 * HOUR_NS, 24 * HOUR_NS)
    assert views.zoomed(DAY, DAY, -7.0, 0.5) == (0, 12 * HOUR_NS)


def test_ux_18_zoom_brings_the_moment_to_the_middle_at_the_end_of_a_day_too() -> None:
    late = 24 * HOUR_NS - 287 * SECOND_NS
    view = DAY
    for _ in range(6):
        view = views.zoomed_around(view, DAY, late, 0.25)
    assert view == (late - views.LEAST_NS // 2, late + views.LEAST_NS // 2)
    assert views.zoomed_around(view, DAY, late, 1e6) == DAY
    assert views.zoomed_around(view, DAY, DAY[1], 1.0) == (DAY[1] - views.LEAST_NS, DAY[1])


def test_ux_17_a_case_is_kept_for_its_session_and_bounded() -> None:
    kept = ChosenCases(most=2)
    kept.change("a", case="INC-1", camera="village/gate-1/cam")
    kept.change("a", from_ns=5, to_ns=9)
    assert kept.of("a") == Chosen("INC-1", "village/gate-1/cam", 5, 9)
    assert kept.change("a", case="INC-2") == Chosen("INC-2", "village/gate-1/cam"), (
        "another case, no range of the first"
    )
    kept.change("b", case="x")
    kept.change("c", case="y")
    assert kept.of("a") == Chosen()


def test_ux_17_hits_are_visits_and_a_clip_reports_by_itself(web: Web, page: Page) -> None:
    now_ns, name = SystemClock().wall_ns(), add_staff(web, "investigator@grove")
    sender = Sender(web.broker_port, web.account, box="grove-1", site="grove")
    events = [
        event(it, entered("trees", "person"), site="grove", place="orchard-1", box="grove-1", number=170_000 + it,
              time_ns=now_ns - HOUR_NS + it * SECOND_NS)
        for it in range(1, 121)
    ]  # fmt: skip
    try:
        sender.send(*events)
        sender.wait()
        cameras = [CameraStatus(id="orchard-1", name="Orchard", state="up")]
        sender.raw(encode(BoxStatus(online=True, epoch="ab12", cameras=cameras)), sender.topics.status)
    finally:
        sender.close()
    with web.logged_in(name) as client:
        case = new_case(client, id="INC-17", site="grove", expires=moment(24))
    log_in(web, page, name, path="/search")
    page.get_by_test_id("search-go").click()
    visits = page.get_by_test_id("hit")
    expect(visits).to_have_count(1)
    expect(visits.get_by_test_id("visit-count")).to_have_text("120 times")
    expect(visits).to_contain_text("Orchard")
    expect(page.get_by_test_id("search-told")).to_contain_text("1 visits, 120 hits")
    visits.get_by_test_id("ask-clip").click()
    expect(visits.get_by_test_id("clip-progress")).to_contain_text("waiting for the box")
    hit = visits.get_attribute("data-event")
    assert hit is not None

    def fail() -> bool:
        """The box cannot make it; the aggregator's own jobs may change it meanwhile."""
        asked = web.parts.core.reader.clip(hit)
        assert asked is not None
        failed = msgspec.structs.replace(asked, state="failed", problem="no footage")
        return web.parts.core.queue.submit(lambda store: store.change_clip(asked, failed)).result(10)

    wait_until(fail)
    expect(visits.get_by_test_id("clip-progress")).to_contain_text("cannot be made")
    page.goto(f"{web.url}/footage")
    expect(page.get_by_test_id("footage-case")).to_have_value(case)


@pytest.mark.timeout(240)
def test_ux_18_a_click_on_the_line_plays_there_and_marks_a_range(
    web: Web,
    running: Running,  # noqa: F811
    page: Page,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running.recorded(30)
    log_in(web, page, path="/footage")
    show_today(page, "yard", "")
    expect(page.get_by_text("Write at least 3 characters.")).to_be_visible()
    page.get_by_test_id("footage-case").fill("the lost dog")
    page.get_by_test_id("footage-case").press("Enter")
    expect(page.get_by_test_id("still-picture")).to_be_visible(timeout=20_000)
    for _ in range(6):
        page.get_by_test_id("zoom-in").click()
    kept = page.get_by_test_id("bar-kept").last
    expect(kept).to_be_visible()
    page.wait_for_timeout(300)
    place = kept.bounding_box()
    assert place is not None
    kept.click(position={"x": 4, "y": 8})
    expect(page.get_by_test_id("play")).to_have_text("Pause")
    after_s = (playhead(page) - place["x"] - 4) / SECOND_PX
    assert -1.5 < after_s < 10, "it stands where the line was clicked, in whole seconds, and goes along"
    page.wait_for_function("document.querySelector('[data-testid=live-video]').currentTime > 0.2", timeout=30_000)
    page.get_by_test_id("play").click()
    page.get_by_test_id("mark-in").click()
    expect(page.get_by_test_id("marked-range")).to_contain_text("Marked: ")
    expect(page.get_by_test_id("bar-marked")).to_have_count(1)
    page.get_by_test_id("zoom-day").click()
    expect(page.locator("[data-testid=day-times] span")).to_have_count(9)
    case = clip_and_hold(web, page, monkeypatch)
    footage_by_api(web)
    end_hold(web, page, case)


def playhead(page: Page) -> float:
    """Where the moment that is shown stands, pixels from the left edge of the page."""
    place = page.get_by_test_id("playhead").evaluate("it => it.getBoundingClientRect().x")
    assert isinstance(place, int | float)
    return place


def footage_by_api(web: Web) -> None:
    """What the page shows of a camera's footage, for programs: ranges, and a redacted still."""
    now_ns = SystemClock().wall_ns()
    span = {"from": to_rfc3339(now_ns - HOUR_NS), "to": to_rfc3339(now_ns)}
    with web.logged_in(add_staff(web, "investigator@village")) as client:
        camera = next(it for it in web.parts.core.reader.cameras() if (it.box, it.id) == ("pictures", "yard"))
        path = f"/api/sites/village/boxes/{camera.box}/cameras/{camera.id}"
        found = client.post(f"{path}/footage", json=span | {"reason": "the lost dog"}).json()
        assert (len(found["kept"]) >= 1, [it["about"][:5] for it in found["holds"]]) == (True, ["2026/"])
        still = client.post(f"{path}/still", json={"at": found["kept"][-1]["from"], "reason": "the lost dog"})
        assert (still.status_code, still.headers["content-type"], still.content[:2]) == (200, "image/jpeg", JPEG[:2])
        assert client.post(f"{path}/still", json={"at": span["from"], "reason": "x"}).status_code == 409
        assert client.post(f"{path}/footage", json=span).status_code == 422
    with web.logged_in(add_staff(web, "monitor@village")) as other:
        assert other.post(f"{path}/footage", json=span | {"reason": "the lost dog"}).status_code == 403


def fail_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database does not answer when the clips of a case are read next; the page reads them again."""
    read, answers = CaseFootageService.clips, iter([False])

    async def clips(service: CaseFootageService, caller: Principal, case_id: str) -> list[CaseClip]:
        if not next(answers, True):
            raise StoreError("the database does not answer")
        return await read(service, caller, case_id)

    monkeypatch.setattr(CaseFootageService, "clips", clips)


def clip_and_hold(web: Web, page: Page, monkeypatch: pytest.MonkeyPatch) -> str:
    """A marked range under a case: a clip that reports its progress and plays, and a hold that stands on the line."""
    expect(page.get_by_test_id("range-hint")).to_contain_text("Mark begin and end")
    with web.logged_in() as client:
        case = new_case(client)
    page.get_by_test_id("footage-case").fill(case)
    page.get_by_test_id("footage-case").press("Enter")
    expect(page.get_by_test_id("marked-range")).to_have_text("")  # another case, another range
    page.get_by_test_id("mark-in").click()
    page.get_by_test_id("scrub").evaluate(
        "it => { it.value = Number(it.value) + 2; it.dispatchEvent(new Event('change')); }"
    )
    page.get_by_test_id("mark-out").click()
    fail_once(monkeypatch)
    page.get_by_test_id("range-clip").click()
    expect(page.get_by_test_id("range-done")).to_contain_text("Its progress is shown below")
    clip = page.get_by_test_id("case-clip")
    expect(clip).to_contain_text("Clip 1")
    page.get_by_test_id("range-hold").click()
    page.get_by_test_id("hold-reason").fill("theft, reported")
    page.get_by_test_id("hold-send").click()
    expect(page.get_by_text("Choose a day from today on")).to_be_visible()
    page.get_by_test_id("hold-until").fill(f"{datetime.now(ZONE) + timedelta(days=30):%Y-%m-%d}")
    page.get_by_test_id("hold-send").click()
    expect(page.get_by_test_id("range-done")).to_have_text("The footage is held.", timeout=20_000)
    expect(page.get_by_test_id("bar-hold")).to_have_count(1)
    expect(clip).to_have_attribute("data-state", "stored", timeout=60_000)
    page.get_by_test_id("case-clip-play").click()
    page.wait_for_function("document.querySelector('[data-testid=case-film] video')?.duration > 0", timeout=20_000)
    return case


def end_hold(web: Web, page: Page, case: str) -> None:
    """The hold is ended with a reason, goes from the line, and stays in the list and in the audit log."""
    hold = page.get_by_test_id("case-hold")
    expect(hold).to_contain_text("On hold until")
    expect(hold).to_contain_text("theft, reported")
    hold.get_by_test_id("hold-end").click()
    page.get_by_test_id("hold-end-send").click()
    expect(page.get_by_text("Write at least 3 characters")).to_be_visible()
    page.get_by_test_id("hold-end-reason").fill("handed <over>")
    page.get_by_test_id("hold-end-send").click()
    expect(page.get_by_test_id("range-done")).to_have_text("The hold is ended.", timeout=20_000)
    expect(page.get_by_test_id("bar-hold")).to_have_count(0)
    expect(hold).to_have_attribute("data-state", "ended")
    expect(hold).to_contain_text(f"Ended by {USER}")
    expect(hold).to_contain_text("handed <over>")
    expect(hold.get_by_test_id("hold-end")).to_have_count(0)

    def told() -> list[tuple[str, str, str]]:
        """By the users, with the case; and by the box, as events."""
        log = [it for it in web.audit_entries() if it.what.startswith("hold")]
        return [(it.what, it.who, it.detail.get("change", it.reason)) for it in log if it.case in (case, "")]

    wait_until(lambda: len(told()) == 4)
    assert sorted(told()) == sorted([
        ("hold", USER, "theft, reported"), ("hold.ended", USER, "handed <over>"),
        ("hold", f"{USER}@pictures", "placed"), ("hold.ended", f"{USER}@pictures", "ended_early"),
    ])  # fmt: skip
