"""The box's part of a live view with real sockets: brought outwards, covered, and ended whenever it should end."""

from __future__ import annotations

import secrets
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from edge_kit import Served, served, wait_until
from job_kit import Jobs
from live_kit import OPEN, SITE_KEY, Taker, command, most_open, taking
from redaction_kit import Bright, Failing, make_film
from websockets.exceptions import ConnectionClosed

from common.clock import SECOND_NS, FakeClock, SystemClock
from common.errors import ContractError, FootageRefused, ModelError, PaifangError
from demo.media_loop import load
from edge.jobs.live.handler import MOST, Aggregator, LiveStreamHandler, ViewSources
from edge.redaction.live_redactor import LiveRedactor
from edge.sources import opener
from edge.sources.base import NOBODY
from pipelines.types import Detector
from protocol.live_frames import HEAD, PATIENCE_S, STILL_WANTED, FrameType, what_of
from protocol.signing.upload_tokens import live_path

STARTED: list[Jobs] = []


@pytest.fixture(autouse=True)
def _stopped() -> Iterator[None]:
    """No engine outlives its test."""
    yield
    while STARTED:
        STARTED.pop().stop()


def desk_of(
    taker: Taker, cameras: Served, faces: Detector, *, tls: ssl.SSLContext | None = None, clock: FakeClock | None = None
) -> Jobs:
    def views(rate: float, lead: int) -> LiveRedactor:
        return LiveRedactor(faces, None, np.random.default_rng(1), rate, deadline_s=20.0, lead=lead)

    watched = opener(cameras.url("yard"), NOBODY, SystemClock())
    desk = Jobs(
        {
            "live": LiveStreamHandler(
                Aggregator(taker.url, tls, SITE_KEY), ViewSources({"yard": watched}), views, 3_000, clock or FakeClock()
            )
        }
    )
    desk.start()
    STARTED.append(desk)
    return desk


@pytest.fixture
def cameras(tmp_path: Path) -> Iterator[Served]:
    with served({"yard": load(make_film(tmp_path / "yard.mp4"))}) as server:
        yield server


def ended(desk: Jobs) -> None:
    wait_until(lambda: desk.open == 0, 30, "the end of the view")


def test_the_patch_shows_where_nothing_finds_it(cameras: Served) -> None:
    """The control of the tests below: what they look for can be seen."""
    with taking() as taker:
        desk = desk_of(taker, cameras, Bright(lambda _call: False))
        desk.take(command())
        wait_until(lambda: len(taker.messages) > 8, 60)
        desk.stop()
        assert max(map(most_open, taker.frames())) > OPEN


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_view_is_covered_h264_whatever_the_camera_sends_and_ends_with_the_socket(tmp_path: Path, codec: str) -> None:
    clip = load(make_film(tmp_path / "yard.mp4", codec=codec))
    with taking() as taker, served({"yard": clip}) as cameras:
        desk, order = desk_of(taker, cameras, Bright()), command()
        desk.take(order)
        wait_until(lambda: len(taker.messages) > 30, 60)
        (socket,) = taker.open
        socket.close()
        ended(desk)
        assert taker.asked == [(live_path(order.job), "Ticket the ticket")]
        assert [what_of(message) for message in taker.messages[:3]] == [FrameType.INIT, FrameType.KEY, FrameType.FRAME]
        times = [int.from_bytes(message[1:HEAD], "big") for message in taker.messages[1:]]
        assert times == sorted(times)
        assert abs(times[-1] - SystemClock().wall_ns()) < 3600 * SECOND_NS
        shown = taker.frames()
        assert len(shown) > 20
        assert max(map(most_open, shown)) < OPEN
        assert len(desk.queue.jobs()) == 1


def test_a_large_picture_is_made_small_and_covered(tmp_path: Path) -> None:
    clip = load(make_film(tmp_path / "yard.mp4", size=(1280, 720)))
    with taking() as taker, served({"yard": clip}) as cameras:
        desk = desk_of(taker, cameras, Bright())
        desk.take(command())
        wait_until(lambda: len(taker.messages) > 8, 60)
        desk.stop()
        assert {frame.shape for frame in taker.frames()} == {(360, 640)}


def test_a_detector_that_fails_means_black_pictures_and_not_an_end(cameras: Served) -> None:
    with taking() as taker:
        desk = desk_of(taker, cameras, Failing(lambda call: call > 5, ModelError("x")))
        desk.take(command())
        wait_until(lambda: len(taker.messages) > 20, 60)
        assert desk.open == 1
        desk.stop()
        shown = taker.frames()
        assert shown[0].mean() > 40
        assert all(frame.max() < 40 for frame in shown[8:])


def test_a_view_that_nobody_asks_for_any_more_ends_by_itself(cameras: Served) -> None:
    clock = FakeClock()
    with taking() as taker:
        desk = desk_of(taker, cameras, Bright(), clock=clock)
        desk.take(command())
        wait_until(lambda: len(taker.messages) > 8, 60)
        clock.mono_ns += round((PATIENCE_S - 1) * SECOND_NS)
        taker.open[0].send(STILL_WANTED)
        before = len(taker.messages)
        wait_until(lambda: len(taker.messages) > before + 8, 60)
        clock.mono_ns += round((PATIENCE_S - 1) * SECOND_NS)
        before = len(taker.messages)
        wait_until(lambda: len(taker.messages) > before + 8, 60)
        clock.mono_ns += 2 * SECOND_NS
        ended(desk)


def test_a_camera_that_is_gone_ends_its_view(cameras: Served) -> None:
    with taking() as taker:
        desk = desk_of(taker, cameras, Bright())
        desk.take(command())
        wait_until(lambda: len(taker.messages) > 8, 60)
        cameras.do(cameras.mount("yard").hang_up)
        ended(desk)
        with pytest.raises(ConnectionClosed):
            taker.open[0].recv(timeout=20)


def test_what_may_not_be_is_refused_and_nobody_is_called(cameras: Served) -> None:
    with taking() as taker:
        desk = desk_of(taker, cameras, Bright())
        for wrong, kind, text in (
            (command("nowhere"), PaifangError, "nowhere"),
            (command(key=secrets.token_bytes(32)), ContractError, "ticket"),
        ):
            with pytest.raises(kind, match=text):
                desk.take(wrong)
        for _ in range(MOST):
            desk.take(command())
        with pytest.raises(FootageRefused, match=str(MOST)):
            desk.take(command())
        wait_until(lambda: len(taker.open) == MOST, 30)
        taker.open[0].close()
        wait_until(lambda: desk.open == MOST - 1, 30)
        desk.take(command())
        desk.stop()
        assert desk.open == 0
        assert len(taker.asked) <= MOST + 1
        with pytest.raises(FootageRefused):
            desk.take(command())


def test_only_over_a_certificate_that_is_trusted(tmp_path: Path, cameras: Served) -> None:
    for name in ("own", "other"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
             "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / f"{name}.key",
             "-out", tmp_path / f"{name}.pem"],
            check=True, capture_output=True,
        )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem", tmp_path / "own.key")
    with taking(context) as taker:
        trusted, stranger = (ssl.create_default_context(cafile=str(tmp_path / f"{it}.pem")) for it in ("own", "other"))
        for tls in (stranger, None):
            desk = desk_of(taker, cameras, Bright(), tls=tls)
            desk.take(command())
            ended(desk)
        assert (taker.asked, taker.messages) == ([], [])
        desk = desk_of(taker, cameras, Bright(), tls=trusted)
        desk.take(command())
        wait_until(lambda: len(taker.messages) > 8, 60)
        desk.stop()
