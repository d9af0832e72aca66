"""Small manifests, a real HTTP server that can misbehave, and the real models that can be had."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from common.errors import ModelUnavailable
from models import registry
from models.files.store import ModelStore
from models.manifest import Address, File, Folder, Input, Manifest, Pip, Source, Task

CONTENT = bytes(range(256)) * 1024
_obtained: dict[str, str] = {}


def obtain(store: ModelStore, *tasks: Task) -> list[str]:
    """The model that the registry resolves for each task on this machine, fetched; each task is resolved once."""
    for task in tasks:
        if task not in _obtained:
            _obtained[task] = store.ensure(task)[0].name
    return [_obtained[task] for task in tasks]


def obtainable(name: str, store: ModelStore) -> str:
    """`name`, or, where it cannot be had, the model that the registry resolves for its task."""
    if name not in _obtained:
        try:
            store.fetch(name)
            _obtained[name] = name
        except ModelUnavailable:
            (_obtained[name],) = obtain(store, registry.named(name).task)
    return _obtained[name]


def all_obtainable(store: ModelStore, task: Task) -> list[str]:
    """Every model of the task that can be had here, first choice first."""
    return [it.name for it in registry.for_task(task) if obtainable(it.name, store) == it.name]


def a_file(content: bytes = CONTENT, name: str = "toy.onnx") -> File:
    return File(name, hashlib.sha256(content).hexdigest(), len(content))


def a_manifest(*sources: Source, name: str = "toy", content: bytes = CONTENT, order: int = 1, **more: Any) -> Manifest:
    file = a_file(content)
    shape = Input("x", [1, 3, 8, 8], "NCHW", "BGR", [0.0] * 3, [1.0] * 3, "any")
    return Manifest(
        name=name,
        task="objects",
        order=order,
        file=file.name,
        sha256=file.sha256,
        bytes=file.bytes,
        licence="Apache-2.0",
        caveat="made for tests",
        input=shape,
        output="nothing",
        classes=["person"],
        sources=list(sources) or [Folder()],
        **more,
    )


def a_wheel_source() -> Pip:
    return Pip("paifang-toy-model", "1.0", {"toy.onnx": "paifang_toy_model/data/toy.onnx"})


@dataclass
class Upstream:
    """What the server does: `content` in full, cut after `cut_after` bytes, without Range, or with a status alone."""

    content: bytes = CONTENT
    cut_after: int | None = None
    ranges: bool = True
    status: int | None = None
    asked: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/model/toy.onnx"

    def source(self) -> Address:
        return Address(self.url)


@contextlib.contextmanager
def serving(upstream: Upstream) -> Iterator[Upstream]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            upstream.asked.append(self.headers.get("Range", ""))
            if upstream.status is not None:
                self.send_error(upstream.status)
                return
            start = int(self.headers["Range"][6:-1]) if upstream.ranges and "Range" in self.headers else 0
            body = upstream.content[start:]
            self.send_response(206 if start else 200)
            if start:
                last = len(upstream.content) - 1
                self.send_header("Content-Range", f"bytes {start}-{last}/{last + 1}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if upstream.cut_after is None else body[: upstream.cut_after])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    upstream.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield upstream
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
