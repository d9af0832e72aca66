"""Footage over the box's HTTP: a real server, real sockets; films come covered or not at all."""

from __future__ import annotations

import http.client
import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from email.message import Message
from pathlib import Path
from urllib.parse import quote, urlencode

import av
import numpy as np
import pytest
from edge_kit import wait_until
from rec_kit import RATE, START_NS, decoded, packets, stream
from redaction_kit import Bright, Failing
from redaction_kit import redactor as covering

from common.clock import SECOND_NS, FakeClock
from common.errors import FootageError, ModelError, ModelUnavailable, RedactionError
from edge.media.redaction_statistics import Counts, UsedModel
from edge.media.signed_manifest import signing_key, verify
from edge.monitoring.metrics import Metrics
from edge.monitoring.status import LIMITS, StatusServer
from edge.recorder.box_events import BoxEvents
from edge.recorder.factory import FootageStore
from edge.recorder.footage.export import VideoRedactor
from edge.recorder.footage.http_api import MAX_VIDEO_NS, FootageApi, api_token
from edge.recorder.retention.legal_holds import Hold
from edge.redaction.encoder import Writable
from edge.redaction.two_pass_redactor import NOTHING, CopyOptions, Progress
from edge.redaction.video_reader import Opener
from edge.settings.recorder import RecorderSettings
from protocol.identifiers import to_rfc3339

SIZE = (320, 240)


def at(seconds: float) -> str:
    return to_rfc3339(START_NS + round(seconds * SECOND_NS))


@dataclass
class Answer:
    status: int
    headers: Message
    body: bytes

    @property
    def told(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.body)
        return found


@dataclass
class Served:
    """A box's API over a minute and a half of footage, ten seconds of it missing."""

    store: FootageStore
    token: bytes
    make: Callable[[], VideoRedactor] = field(default=lambda: covering(Bright()))
    port: int = 0
    serve: Callable[[], None] = field(default=lambda: None)
    server: StatusServer = field(init=False)

    def ask(self, path: str, token: str | None = "", **query: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        bearer = self.token.decode() if token == "" else token
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        names = {name.rstrip("_"): value for name, value in query.items()}
        connection.request("GET", f"{path}?{urlencode(names)}" if names else path, headers=headers)
        answer = connection.getresponse()
        try:
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def film(self, from_s: float, to_s: float, camera: str = "cam-1", **more: str) -> Answer:
        query = {"from_": at(from_s), "to": at(to_s), "reason": "theft of a bicycle"} | more
        return self.ask(f"/footage/{quote(camera, safe='')}", **query)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "footage").mkdir()
    clock = FakeClock(now_ns=START_NS)
    told = RecorderSettings(enabled=True)
    store = FootageStore(told, tmp_path, "data")
    writer, _ = store.create_workers(told, ["cam-1"], clock, BoxEvents("box", lambda _event: None))
    writer.start()
    for number, (seconds, pause) in enumerate(((60, 10.0), (30, 0.0))):
        for item in stream(clock, seconds, session=number, clip=packets(size=SIZE)):
            writer.feed(item)
        clock.advance(pause)
    writer.close()
    box = Served(store, api_token(tmp_path / "data" / "api-token"))
    api = FootageApi(store, lambda: box.make(), clock, tmp_path / "data")  # noqa: PLW0108 - tests put another in its place

    def serve() -> None:
        box.server = StatusServer(0, Metrics(), lambda: {"all": True}, api.routes())
        box.port = box.server.port
        box.server.start()

    box.serve = serve
    serve()
    yield box
    box.server.stop()
    store.index.close()


def test_what_is_kept_is_listed_with_gaps_and_holds(box: Served) -> None:
    box.store.holds.place(
        Hold(
            id="h", camera="cam-1", from_ns=START_NS, to_ns=START_NS + 1, owner="li", reason="theft", case="A-1",
            made_ns=START_NS, end_ns=START_NS + 86_400 * SECOND_NS,
        )
    )  # fmt: skip
    answer = box.ask("/footage", from_=at(-10), to=at(200))
    assert answer.status == 200
    (camera,) = json.loads(answer.body)["cameras"]
    assert camera["camera"] == "cam-1"
    assert [(it["from"][:19], it["to"][:19]) for it in camera["spans"]] == [
        (at(0)[:19], at(60)[:19]),
        (at(70)[:19], at(100)[:19]),
    ]
    assert [it["cause"] for it in camera["gaps"]] == ["camera lost"]
    assert [it["case"] for it in camera["holds"]] == ["A-1"]
    assert box.ask("/footage", from_=at(0), to=at(1), camera="cam-9").told["field"] == "camera"
    assert box.store.index.outbox_entries() == []


def test_a_film_is_covered_plays_and_leaves_a_notice(box: Served) -> None:
    answer = box.film(55, 80)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "video/mp4")
    assert answer.headers["Cache-Control"] == "no-store"
    assert decoded(answer.body) == pytest.approx(15 * RATE, abs=2)
    clear = b"".join(box.store.player.play("cam-1", START_NS + 55 * SECOND_NS, START_NS + 56 * SECOND_NS))
    assert bright(answer.body) < bright(clear) / 2
    (row,) = box.store.index.outbox_entries()
    assert (row[1], row[2]) == ("cam-1", "footage.exported")
    assert json.loads(row[3]) == {"from": at(55), "to": at(80), "reason": "theft of a bicycle", "by": "api"}


def test_a_film_s_manifest_is_signed_and_says_who_and_under_which_case(box: Served, tmp_path: Path) -> None:
    answer = box.film(55, 80, who="li", case="A-1")
    place = answer.headers["Paifang-Manifest"]
    signed = box.ask(place)
    assert signed.status == 200
    (tmp_path / "film.mp4").write_bytes(answer.body)
    (tmp_path / "film.json").write_bytes(signed.body)
    key = signing_key(tmp_path / "data" / "signing.key").public_key().public_bytes_raw().hex()
    manifest = verify(tmp_path / "film.mp4", tmp_path / "film.json", key)
    assert (manifest.who, manifest.why, manifest.case) == ("li", "theft of a bicycle", "A-1")
    assert (manifest.bytes, manifest.camera) == (len(answer.body), "cam-1")
    assert len(manifest.segments) == 2
    assert [gap.cause for gap in manifest.gaps] == ["camera lost"]
    (tmp_path / "film.mp4").write_bytes(answer.body + b"x")
    with pytest.raises(FootageError, match="not the ones"):
        verify(tmp_path / "film.mp4", tmp_path / "film.json", key)
    (row,) = box.store.index.outbox_entries()
    assert json.loads(row[3])["by"] == "li"
    assert (tmp_path / "data" / "manifests" / place.rsplit("/", 1)[1]).stat().st_mode & 0o077 == 0
    for wrong in ("0" * 32, "..%2Fapi-token", "../api-token", ""):
        assert box.ask(f"/footage/manifests/{wrong}").status == 404
    assert box.ask(place, token=None).status == 401


def test_only_the_newest_manifests_are_kept(box: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.recorder.footage.http_api.MOST_MANIFESTS", 2)
    places = [box.film(number, number + 1).headers["Paifang-Manifest"] for number in range(3)]
    assert [box.ask(place).status for place in places] == [404, 200, 200]
    assert len(list((tmp_path / "data" / "manifests").iterdir())) == 2


def bright(mp4: bytes) -> float:
    """How many pixels of the first picture are as bright as the square that walks there."""
    with av.open(io.BytesIO(mp4), "r") as container:
        frame = next(iter(container.decode(video=0)))
        assert isinstance(frame, av.VideoFrame)
        return float((np.asarray(frame.to_ndarray(format="gray"), np.uint8) > 215).mean())


@pytest.mark.parametrize(
    ("path", "query", "status", "named"),
    [
        ("/footage/cam-9", {"from_": at(0), "to": at(1), "reason": "theft"}, 404, "camera"),
        ("/footage/..%2F..%2Fdata", {"from_": at(0), "to": at(1), "reason": "theft"}, 404, "camera"),
        ("/footage/cam-1", {"to": at(1), "reason": "theft"}, 400, "from"),
        ("/footage/cam-1", {"from_": "yesterday", "to": at(1), "reason": "theft"}, 400, "from"),
        ("/footage/cam-1", {"from_": at(0), "to": "", "reason": "theft"}, 400, "to"),
        ("/footage/cam-1", {"from_": at(5), "to": at(5), "reason": "theft"}, 400, "to"),
        ("/footage/cam-1", {"from_": at(0), "to": at(6 * 3600 + 1), "reason": "theft"}, 400, "to"),
        ("/footage/cam-1", {"from_": at(0), "to": at(1)}, 400, "reason"),
        ("/footage/cam-1", {"from_": at(0), "to": at(1), "reason": " x "}, 400, "reason"),
        ("/footage/cam-1", {"from_": at(0), "to": at(1), "reason": "a\nb c"}, 400, "reason"),
        ("/footage/cam-1", {"from_": at(0), "to": at(1), "reason": "x" * 201}, 400, "reason"),
        ("/footage/cam-1", {"from_": at(0), "to": at(1), "reason": "theft", "sound": "yes"}, 400, "sound"),
        ("/footage/cam-1", {"from_": at(0), "to": at(1), "reason": "theft", "who": " "}, 400, "who"),
        ("/footage/cam-1", {"from_": at(0), "to": at(1), "reason": "theft", "case": "x" * 65}, 400, "case"),
        ("/footage", {"from_": at(0)}, 400, "to"),
        ("/footage", {"from_": at(0), "to": at(49 * 3600)}, 400, "to"),
        ("/footage/cam-1", {"from_": at(400), "to": at(500), "reason": "theft"}, 404, ""),
    ],
)
def test_what_cannot_be_is_refused_with_the_field_s_name(
    box: Served, path: str, query: dict[str, str], status: int, named: str
) -> None:
    answer = box.ask(path, **query)
    assert (answer.status, answer.told["field"]) == (status, named)
    assert len(answer.told["problem"]) > 5
    assert box.store.index.outbox_entries() == []
    assert MAX_VIDEO_NS == 6 * 3600 * SECOND_NS


def test_a_field_that_is_given_twice_is_refused(box: Served) -> None:
    assert "more than once" in box.ask(f"/footage?from={at(0)}&from={at(1)}&to={at(2)}").told["problem"]


@pytest.mark.parametrize("token", [None, "x", "x" * 43])
def test_nobody_without_the_token_learns_anything(box: Served, token: str | None) -> None:
    for path in ("/footage", "/footage/cam-1", "/footage/cam-9"):
        answer = box.ask(path, token=token, from_=at(0), to=at(1), reason="theft")
        assert (answer.status, answer.told["field"]) == (401, "Authorization")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert box.ask("/healthz", token=None).status == 200
    assert box.ask("/footages", token=None).status == 404


def test_the_token_is_private_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "data" / "api-token"
    token = api_token(path)
    assert api_token(path) == token
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(FootageError, match="chmod 600"):
        api_token(path)
    path.chmod(0o600)
    path.write_bytes(b"short\n")
    with pytest.raises(FootageError, match="not a token"):
        api_token(path)


class Waiting:
    """A redactor that waits to be let go: the fake beside the protocol."""

    name = "fake, for tests"
    models: tuple[UsedModel, ...] = ()

    def __init__(self, fails_after: bytes = b"") -> None:
        self.begun, self.go, self.last = threading.Event(), threading.Event(), fails_after

    def redact(
        self, opener: Opener, target: Path | Writable, *, sound: bool = False, progress: Progress | None = None,
        copy_options: CopyOptions = NOTHING,
    ) -> Counts:  # fmt: skip
        assert not isinstance(target, Path)
        self.begun.set()
        if self.last:
            target.write(self.last)
            raise RedactionError("the detectors hang")
        self.go.wait(30)
        target.write(b"film")
        return Counts()


def test_one_film_is_made_at_a_time(box: Served) -> None:
    waiting = Waiting()
    box.make = lambda: waiting
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(box.film(0, 5)))
    thread.start()
    assert waiting.begun.wait(20)
    second = box.film(0, 5)
    assert (second.status, second.headers["Retry-After"]) == (429, "10")
    assert box.ask("/footage", from_=at(0), to=at(5)).status == 200
    waiting.go.set()
    thread.join()
    assert [(it.status, it.body) for it in answers] == [(200, b"film")]
    assert box.film(0, 5).status == 200


def test_what_cannot_be_searched_is_black_in_the_film(box: Served) -> None:
    box.make = lambda: covering(Failing(lambda _call: True, ModelError("x")))
    answer = box.film(0, 3)
    assert answer.status == 200  # every frame was black
    with av.open(io.BytesIO(answer.body), "r") as container:
        assert all(int(np.asarray(it.to_ndarray(format="gray")).max()) < 30 for it in container.decode(video=0))


@pytest.mark.parametrize(("from_s", "to_s"), [(2.5, 4.0), (0.1, 0.9), (3.0, 5.0)])
def test_a_film_holds_what_was_asked_for_whatever_the_key_frames(box: Served, from_s: float, to_s: float) -> None:
    box.make = lambda: covering(Failing(lambda _call: True, ModelError("x")))
    answer = box.film(from_s, to_s)
    with av.open(io.BytesIO(answer.body), "r") as container:
        stamps = [float(it.time or 0) for it in container.decode(video=0)]
    assert len(stamps) / RATE == pytest.approx(to_s - from_s, abs=1.1 / RATE)


def test_a_film_that_breaks_off_has_no_end(box: Served) -> None:
    box.make = lambda: Waiting(b"half")
    with pytest.raises(http.client.IncompleteRead):
        box.film(0, 3)


def test_without_models_there_is_no_film(box: Served) -> None:
    def missing() -> VideoRedactor:
        raise ModelUnavailable("paifang models fetch")

    box.make = missing
    answer = box.film(0, 3)
    assert (answer.status, "there is none" in answer.told["problem"]) == (503, True)
    assert box.store.index.outbox_entries() == []


def test_without_a_notice_there_is_no_film(box: Served) -> None:
    box.store.index._db.execute("DROP TABLE notices")
    answer = box.film(0, 3)
    assert answer.status == 404
    assert "cannot be written" in answer.told["problem"]


def test_a_client_that_goes_away_lets_the_next_one_in(box: Served) -> None:
    client = socket.create_connection(("127.0.0.1", box.port))
    target = f"/footage/cam-1?{urlencode({'from': at(0), 'to': at(60), 'reason': 'theft'})}"
    client.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {box.token.decode()}\r\n\r\n".encode())
    assert client.recv(12) == b"HTTP/1.1 200"
    client.close()
    wait_until(lambda: box.film(0, 2).status == 200, 60)


def test_an_old_client_that_cannot_take_chunks_is_told(box: Served) -> None:
    client = socket.create_connection(("127.0.0.1", box.port))
    target = f"/footage/cam-1?{urlencode({'from': at(0), 'to': at(1), 'reason': 'theft'})}"
    client.sendall(f"GET {target} HTTP/1.0\r\nAuthorization: Bearer {box.token.decode()}\r\n\r\n".encode())
    said = b""
    while piece := client.recv(4096):
        said += piece
    assert b" 400 " in said.splitlines()[0]
    assert b"HTTP/1.1" in said.split(b"\r\n\r\n")[1]
    client.close()


def test_a_client_that_takes_nothing_lets_the_next_one_in(box: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    class Endless(Waiting):
        def redact(self, opener: Opener, target: Path | Writable, **_more: object) -> Counts:
            assert not isinstance(target, Path)
            target.write(b"video")
            if not begun.is_set():
                begun.set()
                for _ in range(10_000):  # 1 GB: more than any buffer holds
                    target.write(bytes(100_000))
                raise AssertionError("the client takes nothing")
            return Counts()

    box.server.stop()
    monkeypatch.setattr("edge.monitoring.status.LIMITS", replace(LIMITS, write_s=0.1))
    box.serve()
    box.make = Endless
    client = socket.create_connection(("127.0.0.1", box.port))
    target = f"/footage/cam-1?{urlencode({'from': at(0), 'to': at(60), 'reason': 'theft'})}"
    client.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {box.token.decode()}\r\n\r\n".encode())
    assert begun.wait(20)
    wait_until(lambda: box.film(0, 2).body == b"video", 60)
    client.close()


def test_head_starts_no_film(box: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", box.port, timeout=60)
    connection.request("HEAD", f"/footage/cam-1?{urlencode({'from': at(0), 'to': at(1), 'reason': 'theft'})}")
    assert connection.getresponse().status == 405
    connection.close()
    assert box.store.index.outbox_entries() == []


def test_the_box_stops_while_a_film_is_made(box: Served) -> None:
    waiting = Waiting()
    box.make = lambda: waiting

    def fail() -> None:
        with pytest.raises((OSError, http.client.HTTPException)):
            box.film(0, 5)

    thread = threading.Thread(target=fail)
    thread.start()
    assert waiting.begun.wait(20)
    box.server.stop()
    thread.join()
    waiting.go.set()
