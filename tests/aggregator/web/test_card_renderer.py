"""A changed card is rendered once for all open pages that show the same of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import msgspec
import pytest
from agg_support import JPEG, PASSWORD, START_NS, Sender, Web, add_staff, event, plain_client, wait_until
from nicegui import Client
from nicegui.elements.html import Html

from aggregator.domain.alerts.types import Alert
from aggregator.domain.read_models import AlertQuery
from aggregator.services.site_clock import SiteClock
from aggregator.settings.aggregator import Site
from aggregator.web.dashboard.html import alert_html
from aggregator.web.dashboard.html.card_renderer import CardRenderer
from common.clock import SECOND_NS, FakeClock, SystemClock

PAGES = 50
ALERT = Alert(
    id="a-1", fingerprint="f", site="village", box="gate-1", place="cam-1", kind="zone.entered", subject="yard",
    object="person", severity="medium", count=1, first_ns=START_NS, last_ns=START_NS,
    opened_ns=START_NS, picture_event="e-1",
)  # fmt: skip


class Counted:
    """Counts renderings of bodies, pictures and clips, by alert."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.bodies: list[str] = []
        self.media: list[tuple[str, str]] = []
        for name in ("body_html", "picture_html", "clip_html"):
            patch.setattr(alert_html, name, self._counting(name, getattr(alert_html, name)))

    def _counting(self, name: str, real: Callable[..., str]) -> Callable[..., str]:
        def render(alert: Alert, *args: object, **more: object) -> str:
            if name == "body_html":
                self.bodies.append(alert.id)
            else:
                self.media.append((name, alert.id))
            return real(alert, *args, **more)

        return render


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


@pytest.fixture
def sites() -> SiteClock:
    return SiteClock({"village": Site(name="Village", timezone="Asia/Shanghai")}, FakeClock(now_ns=START_NS))


def test_fifty_pages_in_two_languages_render_a_card_twice(sites: SiteClock, counted: Counted) -> None:
    renderer = CardRenderer(sites)
    shown = {
        (renderer.body(ALERT, language, "North", "UTC"), renderer.media(ALERT, language, "North", clip=False))
        for language in ("en", "zh-CN")
        for _ in range(PAGES // 2)
    }
    assert len(shown) == len(counted.bodies) == len(counted.media) == 2


CHANGES: list[dict[str, object]] = [
    {"acknowledgement": "acknowledged", "acknowledged_by": "wang"},
    {"count": 2},
    {"last_ns": START_NS + SECOND_NS},
    {"acknowledged_by": "li", "acknowledgement": "assigned"},
    {"severity": "high"},
    {"site": "estate"},
    {"kind": "zone.left"},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_changed_alert_is_rendered_again(sites: SiteClock, change: dict[str, object]) -> None:
    renderer = CardRenderer(sites)
    before = renderer.body(ALERT, "en", "North", "UTC")
    assert renderer.body(msgspec.structs.replace(ALERT, **change), "en", "North", "UTC") != before


def test_a_renamed_camera_another_language_zone_or_day_is_rendered_again(sites: SiteClock) -> None:
    clock = FakeClock(now_ns=START_NS)
    renderer = CardRenderer(replace(sites, sites={}, clock=clock))
    shown = [
        renderer.body(ALERT, "en", "North", "UTC"),
        renderer.body(ALERT, "en", "South", "UTC"),
        renderer.body(ALERT, "zh-CN", "North", "UTC"),
        renderer.body(ALERT, "en", "North", "Asia/Shanghai"),
    ]
    clock.now_ns += 86_400 * SECOND_NS
    shown.append(renderer.body(ALERT, "en", "North", "UTC"))
    assert len(set(shown)) == 5


def test_who_may_not_see_clips_gets_the_picture_after_somebody_who_may(sites: SiteClock) -> None:
    renderer = CardRenderer(sites)
    for _ in range(2):
        assert "<video" in renderer.media(ALERT, "en", "North", clip=True)
        picture = renderer.media(ALERT, "en", "North", clip=False)
        assert "<video" not in picture
        assert "/api/clips/" not in picture


def test_no_button_is_part_of_what_is_shared(sites: SiteClock) -> None:
    renderer = CardRenderer(sites)
    assert "<button" not in renderer.body(ALERT, "en", "N", "UTC") + renderer.media(ALERT, "en", "N", clip=True)


def test_the_cache_is_bounded_and_keeps_what_was_used_last(sites: SiteClock, counted: Counted) -> None:
    renderer = CardRenderer(sites, most=10)
    for number in range(100):
        renderer.body(msgspec.structs.replace(ALERT, id=f"a-{number}"), "en", "N", "UTC")
        renderer.body(ALERT, "en", "N", "UTC")
    assert len(renderer._parts) == 10
    assert counted.bodies.count(ALERT.id) == 1
    assert len(counted.bodies) == 100


@pytest.fixture
def sender(web: Web) -> Iterator[Sender]:
    made = Sender(web.broker_port, web.account, "card-box", site="cards")
    yield made
    made.close()


def cards_shown(alert_id: str) -> list[str]:
    """HTML of an alert's card on each open page."""
    with contextlib.suppress(RuntimeError):  # a page was opened or closed meanwhile
        return [
            "".join(it.content for it in element.descendants() if isinstance(it, Html))
            for client in list(Client.instances.values())
            for element in list(client.elements.values())
            if element.props.get("data-alert") == alert_id
        ]
    return []


def test_fifty_open_pages_render_a_changed_card_once(web: Web, sender: Sender, counted: Counted) -> None:
    now_ns = SystemClock().wall_ns()
    sessions = [add_staff(web, "monitor@cards") for _ in range(2)]
    for number in range(PAGES):
        with plain_client(web.url, {"Origin": web.url}) as client:
            if number < 2:
                answer = client.post("/login", data={"name": sessions[number], "password": PASSWORD})
                sessions[number] = answer.headers["set-cookie"].partition(";")[0]
            cookie = sessions[number % 2]
            page = client.get("/", headers={"Cookie": cookie, "Accept": "text/html"})
            assert page.status_code == 200
    sender.send(event(1, time_ns=now_ns, box="card-box", site="cards", picture=JPEG, number=77_001))
    sender.wait()
    (alert,) = web.parts.core.reader.alerts(AlertQuery(site="cards"))
    whole = "Resolve"  # the last button: a card that is being built has none yet
    wait_until(lambda: sum(whole in it for it in cards_shown(alert.id)) >= PAGES)
    assert len(set(cards_shown(alert.id))) == 1
    assert counted.bodies.count(alert.id) == 1
    assert [name for name, of in counted.media if of == alert.id] == ["picture_html"]
    with plain_client(web.url, {"Origin": web.url, "Cookie": sessions[0]}) as client:
        assert client.post(f"/api/alerts/{alert.id}/acknowledge").status_code == 200
    wait_until(lambda: sum("acknowledged" in it.lower() for it in cards_shown(alert.id)) >= PAGES)
    assert counted.bodies.count(alert.id) == 2
