"""A refused log-in waits minutes, once for all readers of a camera: cameras lock a user out after about five tries."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import pytest
from edge_kit import make_clip, served

from common.clock import SECOND_NS, FakeClock, SystemClock
from common.errors import LoginRefused, SourceLost, SourceRefused
from common.secret import Secret
from common.secret.digest import Login
from demo.media_loop import load
from demo.rtsp_server.messages import Digest, Request
from edge.sources.base import never
from edge.sources.refusals import LONGEST_S, WAIT_S, Refusals
from edge.sources.rtsp import RtspOpener

WHO = Login("admin", Secret("guess"))


class Counting(Digest):
    """Counts the log-ins that it refuses."""

    def accepts(self, request: Request) -> bool:
        good = super().accepts(request)
        if not good and request.headers.get("authorization"):
            wrong.append(request.method)
        return good


wrong: list[str] = []


def test_a_wrong_password_costs_one_try_whoever_reads(tmp_path: Path) -> None:
    clip, shared = load(make_clip(tmp_path / "clip.mp4")), Refusals()
    wrong.clear()
    with served({"main": clip, "sub": clip}, Counting("admin", "right", "5ccc069c")) as server:
        for path in ("main", "sub", "main", "sub"):
            reader = RtspOpener(server.url(path), WHO, SystemClock())
            reader.refusals = shared
            with pytest.raises(LoginRefused, match="wrong user or password") as caught:
                reader.open()
            assert "guess" not in str(caught.value)
        assert len(wrong) == 1
        right = RtspOpener(server.url("main"), Login("admin", Secret("right")), SystemClock())
        right.refusals = shared
        right.open().close()


def attempt(refusals: Refusals, clock: FakeClock, answer: Exception | None, credentials: Login = WHO) -> bool:
    """One try; whether the camera was asked."""
    pending = False
    with (
        contextlib.suppress(LoginRefused, SourceLost),
        refusals.single_attempt("rtsp://h/x", "h:554", credentials, clock.monotonic_ns, never),
    ):
        pending = True
        if answer is not None:
            raise answer
    return pending


def test_the_wait_doubles_up_to_an_hour_and_ends_with_a_success() -> None:
    refusals, clock, waited = Refusals(), FakeClock(), []
    for _ in range(7):
        assert attempt(refusals, clock, LoginRefused("no"))
        began_ns = clock.mono_ns
        while not attempt(refusals, clock, LoginRefused("no")):
            clock.advance(30)
        waited.append((clock.mono_ns - began_ns) / SECOND_NS)
        clock.advance(LONGEST_S)
    assert waited[0] >= WAIT_S
    assert waited[-1] == pytest.approx(LONGEST_S, abs=31)
    clock.advance(LONGEST_S)
    assert attempt(refusals, clock, None)
    assert attempt(refusals, clock, None)


@pytest.mark.parametrize("answer", [SourceLost("gone"), SourceRefused("no such stream"), None])
def test_what_is_no_refused_login_is_tried_again_at_once(answer: Exception | None) -> None:
    refusals, clock = Refusals(), FakeClock()
    for _ in range(5):
        with contextlib.suppress(SourceRefused):
            assert attempt(refusals, clock, answer)


def test_another_password_another_user_and_nobody_are_not_kept_waiting() -> None:
    refusals, clock = Refusals(), FakeClock()
    assert attempt(refusals, clock, LoginRefused("no"))
    assert not attempt(refusals, clock, None)
    for other in (Login("admin", Secret("right")), Login("viewer", Secret("guess")), Login("", Secret(""))):
        assert attempt(refusals, clock, None, other)


def test_readers_that_begin_together_cost_one_try() -> None:
    refusals, clock, pending = Refusals(), FakeClock(), []
    inside, go = threading.Event(), threading.Event()

    def first() -> None:
        with (
            contextlib.suppress(LoginRefused),
            refusals.single_attempt("rtsp://h/x", "h:554", WHO, clock.monotonic_ns, never),
        ):
            pending.append(1)
            inside.set()
            go.wait(20)
            raise LoginRefused("no")

    def second() -> None:
        if attempt(refusals, clock, None):
            pending.append(2)

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert inside.wait(20)
    threads[1].start()
    go.set()
    for thread in threads:
        thread.join(20)
    assert pending == [1]
