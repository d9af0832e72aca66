"""RTSP streams for the benchmarks, served by a process of their own so that its CPU is not counted."""

from __future__ import annotations

import asyncio
import multiprocessing as mp
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path

import av
import cv2
import numpy as np

from common import logging_setup
from demo import sample_clips
from demo.cli import clip_folders
from demo.media_loop import load
from demo.rtsp_server.server import RtspServer
from edge.video.decoder import picture_of
from pipelines.types import Picture

RATE = 15
SIZE = (640, 360)


def cache() -> Path:
    """Where prepared streams are kept between runs."""
    folder = Path.home() / ".cache" / "paifang-benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def walkers() -> Path:
    """Real walkers (vtest) at 640 x 360 and 15 frames a second."""
    source = sample_clips.fetch(sample_clips.WALKWAY, cache(), clip_folders())
    target = cache() / "walkers-640x360-15.mp4"
    if not target.exists():
        with av.open(str(source)) as given:
            _encode(target, (picture_of(frame) for frame in given.decode(video=0)))
    return target


def still(seconds: int = 20) -> Path:
    """One real picture with a sensor's noise on it: a camera that looks at nothing for ever."""
    target = cache() / "still-640x360-15.mp4"
    if not target.exists():
        with av.open(str(sample_clips.fetch(sample_clips.WALKWAY, cache(), clip_folders()))) as given:
            picture = picture_of(next(given.decode(video=0)))
        random = np.random.default_rng(5)
        _encode(target, (_noisy(picture, random) for _ in range(seconds * RATE)))
    return target


def _noisy(picture: Picture, random: np.random.Generator) -> Picture:
    noise = cv2.GaussianBlur(random.normal(0, 4, picture.shape).astype(np.float32), (3, 3), 0)
    noisy: Picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    return noisy


def _encode(target: Path, pictures: Iterator[Picture]) -> None:
    half = target.with_suffix(".part.mp4")
    with av.open(str(half), "w") as out:
        stream = out.add_stream("libx264", rate=RATE)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = *SIZE, "yuv420p", 600_000
        stream.options = {"preset": "veryfast", "g": str(2 * RATE), "bf": "0", "maxrate": "600k", "bufsize": "600k"}
        for number, picture in enumerate(pictures):
            shown: Picture = np.asarray(cv2.resize(picture, SIZE), np.uint8)
            frame = av.VideoFrame.from_ndarray(shown, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    half.rename(target)


@contextmanager
def serving(path: Path, count: int) -> Iterator[list[str]]:
    """RTSP addresses of `count` streams of one clip, each at another moment of it, as cameras are."""
    ours, theirs = mp.Pipe()
    process = mp.get_context("spawn").Process(target=_serve, args=(path, count, theirs), daemon=True)
    process.start()
    port = ours.recv()
    try:
        yield [f"rtsp://127.0.0.1:{port}/c{i}" for i in range(count)]
    finally:
        process.terminate()
        process.join()


def _serve(path: Path, count: int, pipe: Connection) -> None:
    logging_setup.configure("error")

    async def run() -> None:
        clip = load(path)
        server = RtspServer({f"c{i}": clip for i in range(count)})
        for number, mount in enumerate(server.mounts.values()):
            mount.ahead_s = clip.length_s * number / count + 0.0171 * number
        pipe.send(await server.start())
        await asyncio.Event().wait()

    asyncio.run(run())
