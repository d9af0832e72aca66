"""Packets of a camera in key-frame mode are read in groups; connections to one peer are told apart."""

from __future__ import annotations

import itertools
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from edge_kit import make_clip, served

from common.clock import FakeClock, SystemClock
from common.errors import SourceLost
from common.running.backoff import Backoff
from demo.media_loop import load
from edge.sources import opener
from edge.sources.base import NOBODY, FakeStream, Stream, TimedPacket
from edge.sources.file import FileOpener
from edge.sources.rtsp import RtspStream
from edge.sources.sockets import NewConnection, Watched
from edge.video.camera_worker import CameraConnection, CameraWorker
from edge.video.decoder import picture_of
from edge.video.frame_analyzer import FrameAnalyzer
from edge.video.inference import InferenceRequest, InferenceResult
from edge.video.keyframe_mode import KeyframeMode
from edge.video.tracking_stage import TrackingStage
from pipelines.camera import CameraPipeline
from pipelines.camera_tamper_detector import CameraHealth
from pipelines.settings import HealthSettings
from pipelines.types import Detections

FEW, MANY = 100, 4096


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as one,
        listener.accept()[0] as other,
    ):
        yield one, other


def test_a_group_is_waited_for(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    watched = Watched(ours.fileno())
    theirs.sendall(bytes(FEW))
    assert watched.wait(20)
    late = threading.Timer(0.2, theirs.sendall, (bytes(MANY),))
    late.start()
    watched.gather(MANY, 20)
    assert len(ours.recv(2 * MANY, socket.MSG_PEEK | socket.MSG_DONTWAIT)) >= MANY
    late.join()
    ours.recv(2 * MANY)
    theirs.sendall(b"1")
    assert watched.wait(20)  # a single byte counts again
    watched.close()


def test_the_end_of_a_connection_ends_the_wait(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    watched = Watched(ours.fileno())
    theirs.close()
    watched.gather(MANY, 3600)
    assert ours.recv(1) == b""
    watched.close()


def test_each_thread_finds_the_connection_that_it_opened() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=32) as listener, ExitStack() as stack:
        host, port = listener.getsockname()
        found: dict[tuple[str, int], Watched | None] = {}
        start = threading.Barrier(12)

        def connect() -> None:
            start.wait()
            connection = NewConnection(host, port)
            with connection:
                mine = stack.enter_context(socket.create_connection((host, port)))
            found[mine.getsockname()] = connection.watched()

        threads = [threading.Thread(target=connect) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for _ in threads:
            server, address = listener.accept()
            watched = found[address]
            assert watched is not None
            assert not watched.wait(0)
            server.sendall(b"x")
            assert watched.wait(20)
            watched.close()
            server.close()


def test_a_connection_that_is_not_there_is_not_found() -> None:
    connection = NewConnection("127.0.0.1", 9)
    with connection:
        pass
    assert connection.watched() is None


class Tap:
    """Sees packets."""

    def packet(self, camera: str, arrival: TimedPacket) -> None:
        """One packet, as it came."""


class Source:
    """Opens one stream."""

    def __init__(self, stream: FakeStream) -> None:
        self.stream = stream

    def open(self) -> FakeStream:
        """The stream."""
        return self.stream


@pytest.mark.parametrize(
    ("economy", "taps", "grouped"),
    [(KeyframeMode(), (), True), (KeyframeMode(), (Tap(),), False), (None, (), False)],
    ids=["key frames only", "recorded", "every frame"],
)
def test_only_a_camera_at_rest_that_is_not_recorded_is_read_in_groups(
    tmp_path: Path, economy: KeyframeMode | None, taps: tuple[Tap, ...], grouped: bool
) -> None:
    stream = FileOpener(str(make_clip(tmp_path / "a.mp4")), NOBODY, FakeClock()).open()
    arrivals = list(until_lost(stream))[:10]  # one key frame, and what follows it
    fake = FakeStream(arrivals, SourceLost("over"), extradata=stream.extradata)
    worker = camera(Source(fake), economy, taps)
    with pytest.raises(SourceLost):
        worker.run_once()
    assert worker.counters.packets == len(arrivals) == 10
    assert fake.grouped is grouped


def until_lost(stream: Stream) -> Iterator[TimedPacket]:
    """All packets of a file."""
    try:
        yield from stream.packets()
    except SourceLost:
        return


def camera(source: Source, economy: KeyframeMode | None, taps: tuple[Tap, ...]) -> CameraWorker:
    """A camera that reads a source."""

    def submit(request: InferenceRequest) -> None:
        tracking.update(InferenceResult(request, Detections.none(), picture_of(request.frame)))

    tracking = TrackingStage("cam", lambda size: CameraPipeline(size, []), lambda _report: None)

    health = CameraHealth(HealthSettings())
    analyzer = FrameAnalyzer(tracking, health, 5, submit=submit, send=lambda _draft: None)
    return CameraWorker(
        id="cam",
        connection=CameraConnection(source, Backoff(random.random), threading.Event()),
        analyzer=analyzer,
        keyframe_mode=economy,
        clock=FakeClock(),
        send=lambda _draft: None,
        taps=taps,
    )


def test_a_stream_that_is_read_in_groups_loses_nothing_and_waits_for_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gathered: list[int] = []
    gather = Watched.gather

    def counted(self: Watched, size: int, timeout_s: float) -> None:
        gathered.append(size)
        gather(self, size, timeout_s)

    monkeypatch.setattr(Watched, "gather", counted)
    with served({"a": load(make_clip(tmp_path / "a.mp4"))}) as server:
        stream = opener(server.url("a"), NOBODY, SystemClock()).open()
        assert isinstance(stream, RtspStream)
        stream.grouped = True
        stamps: list[int] = []
        for arrival in stream.packets():
            stamps.append(int(arrival.packet.dts or 0))
            if len(stamps) > 30:
                break
        stream.close()
    steps = [later - earlier for earlier, later in itertools.pairwise(stamps)]
    assert len(set(steps)) == 1  # no packet is missing
    assert gathered
