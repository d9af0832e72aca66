"""A box's footage and the orders for clear copies of it."""

from __future__ import annotations

import io
import secrets
import zipfile
from pathlib import Path

import av
import msgspec
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray
from rec_kit import START_NS, Store, packets

from common.clock import SECOND_NS
from edge.jobs.releases.release_builder import Maker
from edge.recorder.disk import RealDisk
from edge.recorder.footage.playback import Player
from protocol.commands import Command
from protocol.identifiers import uuid7
from protocol.signing.chunked_aead import ChunkedDecryptor, Secrets
from protocol.signing.upload_tokens import seal

SITE_KEY = secrets.token_bytes(32)
FROM_NS, TO_NS = START_NS + SECOND_NS * 3 // 2, START_NS + 4 * SECOND_NS


def recorded(folder: Path, seconds: float = 6.0) -> Store:
    """Footage of a textured picture on a real disk."""
    folder.mkdir(exist_ok=True)
    store = Store(RealDisk(folder))
    store.record(seconds, clip=packets(size=(320, 240)))
    store.writer.close()
    return store


def maker(store: Store) -> tuple[Maker, Ed25519PrivateKey]:
    """What makes clear copies of it, and its signing key."""
    key = Ed25519PrivateKey.generate()
    player = Player(store.disk, store.keys.find, store.index)
    return Maker(player, store.index, store.clock, key), key


def command(key: bytes = b"k" * 32, **changed: object) -> Command:
    """A release as the aggregator would send it."""
    job = str(changed.pop("job", uuid7(START_NS, secrets.token_bytes(10))))
    site_key = changed.pop("site_key", SITE_KEY)
    assert isinstance(site_key, bytes)
    given = Command(
        id=uuid7(START_NS, secrets.token_bytes(10)), name="release", target="cam-1", by="li", approved_by="wang",
        reason="who broke the barrier", time_ns=START_NS, from_ns=FROM_NS, to_ns=TO_NS, case="A-117", job=job,
        ticket=seal(site_key, job, Secrets("t" * 64, key).text(), secrets.token_bytes),
    )  # fmt: skip
    return msgspec.structs.replace(given, **changed)


def opened(sealed: bytes, key: bytes, job: str) -> zipfile.ZipFile:
    """What is inside a sealed copy."""
    opening = ChunkedDecryptor(key, job)
    plain = b"".join([*opening.add(sealed), opening.finish()])
    return zipfile.ZipFile(io.BytesIO(plain))


def pictures(mp4: bytes) -> list[NDArray[np.uint8]]:
    """Brightness of every frame, height x width."""
    with av.open(io.BytesIO(mp4), "r") as container:
        return [np.asarray(it.to_ndarray(format="gray"), np.uint8) for it in container.decode(video=0)]
