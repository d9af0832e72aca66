"""Commands for clear copies at the box: who is believed, what is done once, what is left behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from job_kit import Jobs
from release_kit import SITE_KEY, command, maker, recorded

from common.clock import FakeClock
from common.errors import FootageError, FootageRefused, UplinkRefused
from edge.jobs.releases.handler import ReleaseHandler
from edge.jobs.releases.release_builder import Maker
from edge.messaging.command_handler import CommandDispatcher
from edge.messaging.upload_client import UploadClient
from protocol.commands import Command, Reply, decode_reply, pack
from protocol.signing.trust_anchor import Trust
from protocol.topics import BoxTopics

TOPICS = BoxTopics("village", "gate-1")


class Bringing(UploadClient):
    """An uplink that keeps what it is given, instead of a network."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:9", None)
        self.brought: list[tuple[str, str, str, bytes]] = []
        self.checked: list[str] = []
        self.withdrawn = False
        self.refuses = False
        self.done = threading.Event()
        self.may = threading.Event()
        self.may.set()

    def check(self, use: str, job: str, ticket: str) -> None:
        self.checked.append(job)
        if self.withdrawn:
            raise UplinkRefused("the aggregator answered 404")

    def upload(
        self, use: str, job: str, ticket: str, path: Path, stop: threading.Event, *,
        progress: Callable[[float], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self.may.wait(20)
        if self.refuses:
            self.done.set()
            raise UplinkRefused("the aggregator answered 404")
        self.brought.append((use, job, ticket, path.read_bytes()))
        self.done.set()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[tuple[Jobs, Bringing]]:
    made, _ = maker(recorded(tmp_path / "footage"))
    uplink = Bringing()
    folder = tmp_path / "releases"
    folder.mkdir()
    (folder / "left.sealed").write_bytes(b"of a run before")
    built = Jobs({"release": ReleaseHandler(made, uplink, SITE_KEY, folder)})
    built.start()
    yield built, uplink
    built.stop()
    assert list(folder.iterdir()) == [], "a sealed copy was left behind"


def settle(desk: Jobs, many: int = 1) -> None:
    waits = threading.Event()
    for _ in range(2_000):
        if desk.done + desk.failed >= many:
            return
        waits.wait(0.01)
    raise AssertionError("the copy was not made")


def test_an_order_is_made_and_brought_once(desk: tuple[Jobs, Bringing]) -> None:
    built, uplink = desk
    given = command()
    uplink.may.clear()
    for _ in range(3):
        built.take(given)  # as the aggregator does while it waits
    uplink.may.set()
    settle(built)
    built.take(given)
    ((use, job, ticket, data),) = uplink.brought
    assert (use, job, ticket) == ("release", given.job, "t" * 64)
    assert data.startswith(b"PFREL")


def test_what_failed_is_refused_with_the_reason(desk: tuple[Jobs, Bringing]) -> None:
    built, uplink = desk
    uplink.refuses = True
    given = command()
    built.take(given)
    settle(built)
    with pytest.raises(FootageRefused, match="the aggregator answered 404"):
        built.take(given)
    with pytest.raises(FootageRefused, match="two people"):
        built.take(command(approved_by="li"))
    with pytest.raises(FootageError, match="never recorded"):
        built.take(command(target="cam-7"))
    assert uplink.brought == []


def test_a_release_that_is_not_approved_any_more_is_not_made(
    desk: tuple[Jobs, Bringing], monkeypatch: pytest.MonkeyPatch
) -> None:
    built, uplink = desk
    made: list[object] = []
    monkeypatch.setattr(Maker, "make", lambda *given: made.append(given))
    uplink.withdrawn = True
    given = command()
    built.take(given)
    settle(built)
    assert (uplink.checked, made, built.failed) == ([given.job], [], 1)


class Wire:
    """A broker's place: delivers by hand, keeps what is published."""

    def __init__(self) -> None:
        self.listeners: dict[str, object] = {}
        self.published: list[Reply] = []
        self.came = threading.Event()

    def subscribe(self, topic: str, listener: object) -> None:
        self.listeners[topic] = listener

    def publish(self, topic: str, payload: bytes, **_: object) -> None:
        self.published.append(decode_reply(payload))
        self.came.set()


@pytest.mark.parametrize("forged", ["signature", "equal names", "old", "another box", "none"])
def test_only_the_aggregator_is_believed(desk: tuple[Jobs, Bringing], forged: str) -> None:
    built, uplink = desk
    real = Ed25519PrivateKey.generate()
    trust = Trust("village", real.public_key().public_bytes_raw().hex(), SITE_KEY.hex())
    wire, clock = Wire(), FakeClock(now_ns=command().time_ns)
    remote = CommandDispatcher(wire, TOPICS, trust, clock, {"release": built.take})  # type: ignore[arg-type]
    remote.start()
    given: Command = command(approved_by="li") if forged == "equal names" else command()
    if forged == "old":
        given = msgspec.structs.replace(given, time_ns=given.time_ns - 31 * 10**9)
    key = Ed25519PrivateKey.generate() if forged == "signature" else real
    there = BoxTopics("village", "gate-2") if forged == "another box" else TOPICS
    wire.listeners[TOPICS.command("release")](pack(given, there, key))  # type: ignore[operator]
    remote.stop()
    if forged == "none":
        settle(built)
        assert wire.published[0].done
        assert len(uplink.brought) == 1
    else:
        assert [it.done for it in wire.published] in ([], [False])
        assert (built.done, built.failed, uplink.brought) == (0, 0, [])
        assert remote.refused == (forged != "equal names")
