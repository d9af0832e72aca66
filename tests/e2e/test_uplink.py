"""A box brings files to an aggregator over real HTTP, through a network that breaks off."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import Response
from moto.server import ThreadedMotoServer

from aggregator.jobs.uploads import ReceivedFile, UploadReceiver
from aggregator.settings.aggregator import ObjectsSettings
from aggregator.storage.keyring import KeyRing
from aggregator.storage.object_store import ObjectStorage
from aggregator.web.api.video import uploads
from common.clock import SystemClock
from common.errors import ContractError, StoreError, UplinkError, UplinkRefused
from edge.messaging.upload_client import UploadClient
from protocol.identifiers import uuid7
from protocol.signing import upload_tokens
from protocol.signing.upload_tokens import OFFSET, PIECE_BYTES, upload_path

CONTENT = secrets.token_bytes(3 * PIECE_BYTES + 12_345)


@dataclass
class Taker:
    wanted: set[str] = field(default_factory=set)
    brought: list[ReceivedFile] = field(default_factory=list)
    failures: int = 0

    def expects(self, job: str) -> bool:
        return job in self.wanted

    async def take(self, brought: ReceivedFile) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreError("not just now")
        self.wanted.discard(brought.job)
        self.brought.append(brought)


@dataclass
class Side:
    """An aggregator's receiving side."""

    url: str
    keys: KeyRing
    taker: Taker
    uploads: UploadReceiver


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """An S3 of this file's own; its address."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path, s3: str) -> ObjectStorage:
    if request.param == "folder":
        return ObjectStorage(ObjectsSettings(), tmp_path / "objects")
    bucket = f"clips-{secrets.token_hex(6)}"
    httpx2.put(f"{s3}/{bucket}").raise_for_status()
    for name in ("id", "secret"):
        (tmp_path / name).write_text("testing\n")
    options = {"endpoint": s3, "region": "us-east-1"}
    return ObjectStorage(
        ObjectsSettings(
            url=f"s3://{bucket}/site",
            options=options,
            key_file=str(tmp_path / "id"),
            secret_file=str(tmp_path / "secret"),
        ),
        tmp_path,
    )


@pytest.fixture
def side(tmp_path: Path, objects: ObjectStorage) -> Iterator[Side]:
    keys = KeyRing(tmp_path, secrets.token_bytes)
    taker = Taker()
    made = UploadReceiver(tmp_path / "parts", keys, objects, {"clip": taker})
    app = FastAPI()
    uploads.add(app, made)

    @app.exception_handler(StoreError)
    async def failed(*_: object) -> Response:
        return Response(status_code=503)

    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    yield Side(f"http://127.0.0.1:{listener.getsockname()[1]}", keys, taker, made)
    server.should_exit = True
    thread.join()
    listener.close()


def new_job() -> str:
    return uuid7(SystemClock().wall_ns(), secrets.token_bytes(10))


class Flaky(httpx2.HTTPTransport):
    """Every second PATCH never arrives; of the others, every second answer is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method != "PATCH":
            return super().handle_request(request)
        self.calls += 1
        if self.calls % 2 == 0:
            raise httpx2.ConnectError("the cable is out")
        answer = super().handle_request(request)
        if self.calls % 4 == 3:
            answer.read()
            raise httpx2.ReadError("the cable is out")
        return answer


def uplink(side: Side, transport: httpx2.BaseTransport | None = None) -> UploadClient:
    return UploadClient(side.url, None, transport)


def upload_with_retries(link: UploadClient, side: Side, job: str, file: Path) -> int:
    """As the job engine does it: again until it succeeds; how often it broke off."""
    for tries in range(100):
        try:
            link.upload("clip", job, side.keys.ticket("clip", job), file, threading.Event())
        except UplinkRefused:
            raise
        except UplinkError:
            continue
        return tries
    raise AssertionError("the upload was never finished")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(CONTENT)
    return path


def read(objects: ObjectStorage, name: str, begin: int, end: int) -> bytes:
    """On a thread of its own: the main thread may have a browser's event loop."""

    async def whole() -> bytes:
        return b"".join([piece async for piece in objects.read(name, begin, end)])

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(whole())).result()


@pytest.mark.parametrize("flaky", [False, True])
def test_a_file_arrives_whole_and_once(side: Side, file: Path, flaky: bool) -> None:
    job = new_job()
    side.taker.wanted.add(job)
    link = uplink(side, Flaky() if flaky else None)
    retries = upload_with_retries(link, side, job, file)
    (brought,) = side.taker.brought
    assert (brought.job, brought.bytes, brought.digest) == (job, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert (retries > 0) == flaky
    objects = side.uploads.objects
    assert objects.size(brought.name) == len(CONTENT)
    assert brought.name in objects.names("clip")
    assert read(objects, brought.name, 1_000_000, 2_000_123) == CONTENT[1_000_000:2_000_123]
    assert list(side.uploads.folder.iterdir()) == []
    objects.delete(brought.name)
    objects.delete(brought.name)
    assert objects.size(brought.name) is None
    with pytest.raises(StoreError):
        read(objects, brought.name, 0, 1)


def test_what_could_not_be_noted_is_offered_again(side: Side, file: Path) -> None:
    job = new_job()
    side.taker.wanted.add(job)
    side.taker.failures = 2
    assert upload_with_retries(uplink(side), side, job, file) > 0
    assert [it.job for it in side.taker.brought] == [job]


def test_a_damaged_file_begins_anew(side: Side, file: Path) -> None:
    job = new_job()
    side.taker.wanted.add(job)
    side.uploads.add("clip", job, 0, b"garbage that was left")
    assert upload_with_retries(uplink(side), side, job, file) > 0
    assert side.taker.brought[0].digest == hashlib.sha256(CONTENT).hexdigest()


def test_strangers_and_old_jobs_are_refused(side: Side, file: Path) -> None:
    job, other = new_job(), new_job()
    side.taker.wanted |= {job}
    right = side.keys.ticket("clip", job)
    for use, number, ticket in (
        ("clip", job, "x" * 64), ("clip", job, side.keys.ticket("release", job)), ("release", job, right),
        ("clip", other, side.keys.ticket("clip", other)), ("clip", job, "0"), ("clip", "..%2F..", right),
    ):  # fmt: skip
        with pytest.raises(UplinkRefused):
            uplink(side).upload(use, number, ticket, file, threading.Event())
    assert side.taker.brought == []
    assert not side.uploads.folder.exists()


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({OFFSET: "0"}, b"x", 400),
        ({OFFSET: "-1", upload_tokens.LENGTH: "5"}, b"x", 400),
        ({OFFSET: "0", upload_tokens.LENGTH: "9" * 15}, b"x", 400),
        ({OFFSET: "0", upload_tokens.LENGTH: "5"}, b"x" * 6, 400),
        ({OFFSET: "0", upload_tokens.LENGTH: str(10**7)}, b"x" * (PIECE_BYTES + 1), 400),
        ({OFFSET: "3", upload_tokens.LENGTH: "5"}, b"x", 409),
        ({OFFSET: "0", upload_tokens.LENGTH: "1", upload_tokens.DIGEST: "00"}, b"x", 422),
    ],
)
def test_impossible_pieces_are_refused(side: Side, headers: dict[str, str], body: bytes, status: int) -> None:
    job = new_job()
    side.taker.wanted.add(job)
    ticket = {"Authorization": f"Ticket {side.keys.ticket('clip', job)}"}
    answer = httpx2.patch(side.url + upload_path("clip", job), headers=headers | ticket, content=body)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_an_upload_ends_when_it_is_told_to(side: Side, file: Path) -> None:
    stop = threading.Event()
    stop.set()
    job = new_job()
    side.taker.wanted.add(job)
    with pytest.raises(UplinkError, match="stopped"):
        uplink(side).upload("clip", job, side.keys.ticket("clip", job), file, stop)
    assert side.uploads.offset("clip", job) == 0


def test_a_sealed_ticket_opens_for_its_site_and_job_only() -> None:
    key, other = secrets.token_bytes(32), secrets.token_bytes(32)
    sealed = upload_tokens.seal(key, "job", "secret", secrets.token_bytes)
    assert upload_tokens.unseal(key, "job", sealed) == "secret"
    for wrong in (
        (other, "job", sealed),
        (key, "another", sealed),
        (key, "job", sealed[:-2]),
        (key, "job", "zz"),
        (key, "job", ""),
    ):
        with pytest.raises(ContractError):
            upload_tokens.unseal(*wrong)


def test_object_settings_with_a_key_in_them_are_refused() -> None:
    with pytest.raises(ValueError, match="key_file"):
        ObjectsSettings(url="s3://x", options={"secret_access_key": "x"})
