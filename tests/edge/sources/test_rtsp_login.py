"""Log-ins after RFC 7616: the right challenge among several, and cameras that FFmpeg alone cannot log in to."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from edge_kit import Served, make_clip, served, wait_until

from common.clock import SystemClock
from common.errors import LoginRefused, SourceRefused
from common.secret import Secret
from common.secret.digest import Answers, Login, best, challenges
from demo.media_loop import Clip, load
from demo.rtsp_server.messages import Digest, Request
from edge.sources import container, rtsp
from edge.sources.refusals import Refusals
from edge.sources.rtsp_login import ffmpeg_can

WHO = Login("admin", Secret("se:c/r@e%t"))
RFC_NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
RFC_CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616(algorithm: str, response: str) -> None:
    pending = (
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, nonce="{RFC_NONCE}", '
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    challenge = best(challenges([pending]))
    assert challenge is not None
    answers = Answers(challenge, Login("Mufasa", Secret("Circle of Life")), lambda: RFC_CNONCE)
    header = answers.header("GET", "/dir/index.html")
    assert f'response="{response}"' in header
    assert "nc=00000001, " in header
    assert "nc=00000002, " in answers.header("GET", "/dir/index.html")


MD5 = 'Digest realm="r", nonce="n", algorithm=MD5'
SHA = 'Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"'
LONG = 'Digest realm="r", nonce="n", algorithm=SHA-512-256'
BASIC = 'Basic realm="a, Digest nonce=x"'


@pytest.mark.parametrize(
    ("headers", "chosen", "ffmpeg"),
    [
        ([], None, False),
        ([BASIC], "basic MD5", True),
        ([MD5], "digest MD5", True),
        (['Digest realm="r", nonce="n"'], "digest MD5", True),
        ([BASIC, MD5], "digest MD5", True),
        ([MD5, SHA], "digest SHA-256", False),
        ([SHA, MD5], "digest SHA-256", False),
        ([SHA, MD5, BASIC, LONG], "digest SHA-512-256", False),
        ([BASIC, SHA], "digest SHA-256", False),
        ([f"{MD5}, {SHA}"], "digest SHA-256", False),
        ([f"{BASIC}, {SHA}, {MD5}"], "digest SHA-256", False),
        ([f"Negotiate, Bearer realm=x, {BASIC}"], "basic MD5", False),
        (["Negotiate YWJj==", MD5], "digest MD5", True),
        (['digest nonce="n" realm="r" algorithm="sha-256"'], "digest SHA-256", False),
        (['Digest realm="r", nonce="n", algorithm=md5'], "digest MD5", False),
        (['Digest realm="a\\"b", nonce="n"'], "digest MD5", False),
        (['Digest realm="r", nonce="n", qop="auth-int"'], "digest MD5", False),
        (['Digest realm="r", nonce="n", qop="other"', BASIC], "basic MD5", False),
        (['Digest realm="r", nonce="n", algorithm=SHA3-512', MD5], "digest MD5", False),
        (['Digest realm="r", nonce="n", algorithm=SHA3-512'], None, False),
        (['Digest realm="no end', MD5], "digest MD5", False),
        (["", ",,,", "=", 'Digest realm="r"'], None, False),
        ([f'Digest realm="r", nonce="{"n" * 400}"'], "digest MD5", False),
    ],
)
def test_the_strongest_known_challenge_is_answered_in_any_order(
    headers: list[str], chosen: str | None, ffmpeg: bool
) -> None:
    offered = challenges(headers)
    one = best(offered)
    assert (f"{one.scheme} {one.algorithm}" if one else None) == chosen
    assert ffmpeg_can(offered, WHO) is ffmpeg


def test_a_login_that_ffmpeg_would_cut_off_is_not_left_to_it() -> None:
    assert not ffmpeg_can(challenges([MD5]), Login("admin", Secret("x" * 130)))
    assert not ffmpeg_can(challenges([MD5]), Login('ad"min', Secret("x")))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return load(make_clip(tmp_path_factory.mktemp("clip") / "a.mp4", seconds=2))


def offered(*kinds: str) -> tuple[str, ...]:
    return tuple(f'Digest realm="{{realm}}", nonce="{{nonce}}", {kind}'.rstrip(", ") for kind in kinds)


def reader(server: Served, credentials: Login = WHO) -> rtsp.RtspOpener:
    made = rtsp.RtspOpener(server.url("main"), credentials, SystemClock())
    made.refusals = Refusals()
    return made


CAMERAS = {
    "md5 then sha": (offered("algorithm=MD5", "algorithm=SHA-256"), "SHA-256", ""),
    "sha then md5": (offered("algorithm=SHA-256", "algorithm=MD5"), "SHA-256", ""),
    "sha alone with qop": (offered('algorithm=SHA-256, qop="auth"'), "SHA-256", "auth"),
    "sha session": (offered('algorithm=SHA-256-sess, qop="auth"'), "SHA-256-sess", "auth"),
    "md5 session, other first": (offered("algorithm=X", 'algorithm=MD5-sess, qop="auth"'), "MD5-sess", "auth"),
    "sha 512": (offered("algorithm=SHA-512-256"), "SHA-512-256", ""),
    "one header": ((", ".join(offered("algorithm=SHA-256", "algorithm=MD5")),), "SHA-256", ""),
    "hashed user": (offered("algorithm=SHA-256, userhash=true"), "SHA-256", ""),
    "basic beside nothing known": (("Bearer", "Basic realm=a", *offered("algorithm=X")), "Basic", ""),
}


@pytest.mark.parametrize("name", CAMERAS)
def test_a_camera_is_logged_in_to_whatever_it_offers(clip: Clip, name: str) -> None:
    offers, taken, qop = CAMERAS[name]
    digest = Digest("admin", WHO.password.reveal(), "5ccc069c", "pai, fang", offers, (taken,), qop)
    with served({"main": clip}, digest) as server:
        stream = reader(server).open()
        arrivals = list(itertools.islice(stream.packets(), 20))
        assert len(arrivals) == 20
        assert stream.codec == "h264"
        stream.close()
        wait_until(lambda: not server.mount("main").viewers, what="the end of the camera's connection")


class Hourglass(Digest):
    """A nonce that is good for three requests; counts the refused log-ins."""

    used = 0
    refused = 0

    def challenges(self) -> list[str]:
        return [f"{it}, stale={'true' if Hourglass.used > 1 else 'false'}" for it in super().challenges()]

    def accepts(self, request: Request) -> bool:
        Hourglass.used += 1
        if Hourglass.used % 3 == 0:
            object.__setattr__(self, "nonce", f"{self.nonce}x")
        good = super().accepts(request)
        Hourglass.refused += not good and "authorization" in request.headers and self.nonce in str(request.headers)
        return good


def test_a_stale_nonce_is_replaced(clip: Clip) -> None:
    Hourglass.used = Hourglass.refused = 0
    digest = Hourglass(
        "admin", WHO.password.reveal(), "n", offers=offered("algorithm=MD5", "algorithm=SHA-256"), taken=("SHA-256",)
    )
    with served({"main": clip}, digest) as server:
        stream = reader(server).open()
        assert next(iter(stream.packets())) is not None
        stream.close()
    assert Hourglass.used > 3
    assert Hourglass.refused == 0


class Counting(Digest):
    """Counts the log-ins that it refuses."""

    wrong = 0

    def accepts(self, request: Request) -> bool:
        good = super().accepts(request)
        Counting.wrong += not good and "authorization" in request.headers
        return good


def test_a_wrong_password_costs_one_try_through_the_relay(clip: Clip) -> None:
    Counting.wrong = 0
    digest = Counting("admin", "right", "n", offers=offered("algorithm=MD5", "algorithm=SHA-256"), taken=("SHA-256",))
    with served({"main": clip}, digest) as server:
        for _ in range(2):
            opener = reader(server)
            opener.refusals = SHARED
            with pytest.raises(LoginRefused, match="wrong user or password") as caught:
                opener.open()
            assert WHO.password.reveal() not in str(caught.value)
    assert Counting.wrong == 1


SHARED = Refusals()


def test_a_login_of_an_unknown_kind_is_named(clip: Clip) -> None:
    with served({"main": clip}, Digest("admin", "right", "n", offers=offered("algorithm=X"))) as server:
        with pytest.raises(SourceRefused, match="asks for the log-in 'digest X'") as caught:
            reader(server).open()
        assert not isinstance(caught.value, LoginRefused)


def test_ffmpeg_gets_no_user_and_no_password(clip: Clip, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: list[str] = []
    opening = container.open_video

    def remember(url: str, *rest: object) -> object:
        given.append(url)
        return opening(url, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(rtsp, "open_video", remember)
    digest = Digest("admin", WHO.password.reveal(), "n", offers=offered("algorithm=SHA-256"), taken=("SHA-256",))
    with served({"main": clip}, digest) as server:
        reader(server).open().close()
    assert given[0].startswith("rtsp://127.0.0.1:")
    assert "@" not in given[0]
    assert str(server.port) not in given[0]


KINDS = {"md5": (offered("algorithm=MD5"), "MD5"), "sha": (offered("algorithm=SHA-256"), "SHA-256")}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("password", [WHO.password.reveal(), "right"])
def test_a_camera_that_hangs_up_after_each_401_is_logged_in_to(clip: Clip, kind: str, password: str) -> None:
    Counting.wrong = 0
    offers, taken = KINDS[kind]
    with served({"main": clip}, Counting("admin", password, "n", offers=offers, taken=(taken,))) as server:
        server.hang_up_after_401()
        if password != WHO.password.reveal():
            with pytest.raises(LoginRefused, match="wrong user or password"):
                reader(server).open()
            assert Counting.wrong == 1
            return
        stream = reader(server).open()
        assert len(list(itertools.islice(stream.packets(), 20))) == 20
        stream.close()
        wait_until(lambda: not server.mount("main").viewers, what="the end of the camera's connection")
    assert Counting.wrong == 0
