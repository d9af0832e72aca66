"""The box's side of clips: what is refused, what is made, and that nothing is left lying about."""

from __future__ import annotations

import io
import random
import secrets
import threading
from collections.abc import Callable
from pathlib import Path

import av
import httpx2
import msgspec
import numpy as np
import pytest
from edge_kit import wait_until
from job_kit import Jobs
from rec_kit import RATE, START_NS, Store, packets
from redaction_kit import Bright
from release_kit import SITE_KEY, recorded

from common.clock import SECOND_NS
from common.errors import ContractError, FootageError, FootageRefused, RedactionError
from common.jobs.engine import Attempt
from common.jobs.job import Job
from common.jobs.queue import JobStore
from edge.jobs.clips.handler import ClipHandler
from edge.jobs.job_store import SqliteJobStore
from edge.messaging.upload_client import UploadClient
from edge.recorder.fakedisk import FakeDisk
from edge.recorder.footage.playback import Player
from edge.redaction.detection_plan import Detectors
from edge.redaction.two_pass_redactor import ExportRedactor
from protocol.commands import Command
from protocol.identifiers import to_rfc3339, uuid7
from protocol.signing.upload_tokens import LENGTH, OFFSET, seal


class Taking(httpx2.BaseTransport):
    """An aggregator's side that takes everything, and remembers it."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.tickets: set[str] = set()
        self.down = False

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.down:
            raise httpx2.ConnectError("the cable is out")
        job = request.url.path.rsplit("/", 1)[1]
        self.tickets.add(request.headers["authorization"])
        if request.method == "PATCH":
            self.files[job] = self.files.get(job, b"") + request.read()
            assert len(self.files[job]) <= int(request.headers[LENGTH])
        return httpx2.Response(204, headers={OFFSET: str(len(self.files.get(job, b"")))})


def command(ticket: str = "t" * 64, site_key: bytes = SITE_KEY, **changed: object) -> Command:
    job = uuid7(START_NS, secrets.token_bytes(10))
    given = Command(
        id=uuid7(START_NS, secrets.token_bytes(10)), name="clip", target="cam-1", by="system", reason="an alert's clip",
        time_ns=START_NS, from_ns=START_NS - 10 * SECOND_NS, to_ns=START_NS + 20 * SECOND_NS, job=job,
        ticket=seal(site_key, job, ticket, secrets.token_bytes),
    )  # fmt: skip
    return msgspec.structs.replace(given, **changed)


def desk_of(
    folder: Path, store: Store, network: Taking, redactor: Callable[[], ExportRedactor], kept: JobStore | None = None
) -> Jobs:
    uplink = UploadClient("http://127.0.0.1:9", None, transport=network)
    player = Player(store.disk, store.keys.find, store.index)
    doors = {"door-1": "cam-1", "blind": ""}
    return Jobs({"clip": ClipHandler(player, redactor, uplink, SITE_KEY, folder / "clips", doors=doors)}, kept)


def covering() -> ExportRedactor:
    face = Bright()
    return ExportRedactor(Detectors(lambda _: face, None), np.random.default_rng(1))


def failing() -> ExportRedactor:
    raise RedactionError("the model is broken")


def test_a_clip_is_made_brought_once_and_deleted_here(tmp_path: Path) -> None:
    network = Taking()
    desk = desk_of(tmp_path, recorded(tmp_path / "disk"), network, covering)
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "left.mp4.part").write_bytes(b"from before")
    desk.start()
    wish = command()
    try:
        desk.take(wish)
        desk.take(wish)  # asked again meanwhile
        wait_until(lambda: desk.done == 1, 60)
        desk.take(wish)
    finally:
        desk.stop()
    assert (desk.done, desk.failed) == (1, 0)
    assert list(network.files) == [wish.job]
    assert b"ftyp" in network.files[wish.job][:16]
    assert network.tickets == {"Ticket " + "t" * 64}
    assert list((tmp_path / "clips").iterdir()) == []
    assert not any(it.name.startswith("job") for it in threading.enumerate())


def test_a_clip_reports_how_far_it_is_while_it_is_made_and_uploaded(tmp_path: Path) -> None:
    store, seen = recorded(tmp_path / "disk"), list[float]()
    uplink = UploadClient("http://127.0.0.1:9", None, transport=Taking())
    player = Player(store.disk, store.keys.find, store.index)
    handler = ClipHandler(player, covering, uplink, SITE_KEY, tmp_path / "clips", doors={})
    handler.clean(frozenset())
    order = command()
    handler.run(
        order, Attempt(Job(id=order.job, kind="clip", key="cam-1", expires_ns=0), threading.Event(), seen.append)
    )
    assert sum(0 < it < 0.5 for it in seen) > 10, "while it is made"
    assert seen[-1] >= 0.5, "while it is uploaded"


def test_a_box_that_stops_does_not_wait_for_the_clip_that_it_makes(tmp_path: Path) -> None:
    store, stop, seen = recorded(tmp_path / "disk"), threading.Event(), list[float]()
    uplink = UploadClient("http://127.0.0.1:9", None, transport=Taking())
    player = Player(store.disk, store.keys.find, store.index)
    handler = ClipHandler(player, covering, uplink, SITE_KEY, tmp_path / "clips", doors={})
    handler.clean(frozenset())

    def progress(share: float) -> None:
        seen.append(share)
        stop.set()

    order = command()
    job = Job(id=order.job, kind="clip", key="cam-1", expires_ns=0)
    with pytest.raises(RedactionError, match="stopped"):
        handler.run(order, Attempt(job, stop, progress))
    assert len(seen) == 1
    assert [it.suffix for it in (tmp_path / "clips").iterdir()] in ([], [".new"]), "no clip that looks complete"


def test_a_clip_that_is_made_is_uploaded_after_a_restart_and_not_made_again(tmp_path: Path) -> None:
    network, store, wish = Taking(), recorded(tmp_path / "disk"), command()
    network.down = True
    desk = desk_of(tmp_path, store, network, covering, SqliteJobStore(tmp_path / "jobs.sqlite3"))
    desk.start()
    desk.take(wish)
    wait_until(lambda: desk.queue.count("clip", "waiting") == 1, 60)
    desk.stop()
    (clip,) = (tmp_path / "clips").iterdir()
    content = clip.read_bytes()
    network.down = False
    desk = desk_of(tmp_path, store, network, failing, SqliteJobStore(tmp_path / "jobs.sqlite3"))
    desk.start()
    wait_until(lambda: desk.done + desk.failed == 1, 60)
    desk.stop()
    assert network.files == {wish.job: content}
    assert list((tmp_path / "clips").iterdir()) == []


def test_a_door_s_clip_is_that_of_the_camera_which_sees_it(tmp_path: Path) -> None:
    network = Taking()
    desk = desk_of(tmp_path, recorded(tmp_path / "disk"), network, covering)
    desk.start()
    try:
        desk.take(wish := command(target="door-1"))
        wait_until(lambda: desk.done == 1, 60)
    finally:
        desk.stop()
    assert b"ftyp" in network.files[wish.job][:16]


def test_without_the_redactor_there_is_no_clip_and_the_reason_is_told(tmp_path: Path) -> None:
    network = Taking()
    desk = desk_of(tmp_path, recorded(tmp_path / "disk"), network, failing)
    desk.start()
    wish = command()
    try:
        desk.take(wish)
        wait_until(lambda: desk.failed == 1, 20)
        with pytest.raises(FootageRefused, match="the model is broken"):
            desk.take(wish)
    finally:
        desk.stop()
    assert network.files == {}
    assert list((tmp_path / "clips").iterdir()) == []


@pytest.mark.parametrize("early_s", [0.0, 0.4, 2.97])
@pytest.mark.parametrize("length_s", [1.0, 2.5])
def test_a_clip_holds_what_was_asked_for_and_says_so(tmp_path: Path, early_s: float, length_s: float) -> None:
    network, store = Taking(), Store(FakeDisk(random.Random(1)))
    one_key = packets("libx264", (64, 48), 8.0)
    sparse = (*one_key[:2], tuple((data, number, not number) for data, number, _ in one_key[2]))
    store.record(8, clip=sparse)
    store.writer.close()
    desk = desk_of(tmp_path, store, network, covering)
    desk.start()
    begin_ns = START_NS + round(early_s * SECOND_NS)
    wish = command(from_ns=begin_ns, to_ns=begin_ns + round(length_s * SECOND_NS))
    try:
        desk.take(wish)
        wait_until(lambda: desk.done + desk.failed == 1, 60)
    finally:
        desk.stop()
    with av.open(io.BytesIO(network.files[wish.job]), "r") as container:
        told = container.metadata["comment"].split()
        frames = list(container.decode(video=0))
    times = [float(it.time or 0) for it in frames]
    assert all(it.to_ndarray(format="gray").max() > 50 for it in frames)  # none is black
    assert times[0] == 0
    assert times[-1] + 1 / RATE == pytest.approx(length_s, abs=1.01 / RATE)
    assert told[0] == "cam-1"
    assert (told[2], told[4]) == (to_rfc3339(wish.from_ns), to_rfc3339(wish.to_ns))


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        (command(site_key=b"z" * 32), ContractError),
        (command(ticket="t", job=uuid7(START_NS, b"0123456789")), ContractError),
        (command(job="../../etc"), FootageRefused),
        (command(to_ns=START_NS + 51 * SECOND_NS), FootageRefused),
        (command(to_ns=START_NS - 11 * SECOND_NS), FootageError),
        (command(target="other"), FootageError),
        (command(target="blind"), FootageRefused),
        (command(from_ns=0, to_ns=SECOND_NS), FootageError),
    ],
)
def test_what_cannot_be_is_refused_at_once(tmp_path: Path, wish: Command, error: type[Exception]) -> None:
    desk = desk_of(tmp_path, recorded(tmp_path / "disk"), Taking(), covering)
    with pytest.raises(error):
        desk.take(wish)
