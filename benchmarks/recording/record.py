"""`record`: sixteen 1080p streams of 4 Mbit/s through the recorder, beside plain PyAV stream copy, taking turns.

Both read the same RTSP streams, served by another process whose CPU is not counted, with a thread a stream. Ours:
tap, queue, writer thread, fragments, AES-256-GCM, one flush a part, index. The copy: one plain MP4 per stream, never
flushed. `extra_ms_per_s` is what recording costs on top of the copy, whatever reading costs.
"""

from __future__ import annotations

import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from footage_kit import Film, PlainWrapper, film

from benchmarks.box.streams import serving
from benchmarks.machine import cpu_s, median
from common.clock import SystemClock
from common.running.backoff import Backoff
from edge.media.nal import configuration, to_byte_stream
from edge.recorder.disk import RealDisk
from edge.recorder.index import Index
from edge.recorder.main_stream_reader import MainReader
from edge.recorder.recorder import Recorder
from edge.recorder.retention.keys import DayKeyStore
from edge.recorder.segments.mux import Remuxer, StreamFormat
from edge.recorder.segments.writer import Writer
from edge.sources.base import NOBODY
from edge.sources.rtsp import RtspOpener

STREAMS, FPS, BIT_RATE, CLIP_S = 16, 25, 4_000_000, 20


def run(quick: bool) -> dict[str, Any]:
    """Rounds of both."""
    rounds, seconds = (2, 10.0) if quick else (5, 65.0)
    shown = film((1920, 1080), FPS, 4, BIT_RATE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(shown, folder / "source.mp4")
        ours, plain, syncs = [], [], []
        with serving(folder / "source.mp4", STREAMS) as urls:
            for number in range(rounds):
                spent, per_part = _ours(urls, folder / f"ours-{number}", seconds)
                ours.append(spent * 100 / STREAMS)
                syncs.append(per_part)
                plain.append(_plain(urls, folder / f"plain-{number}", seconds) * 100 / STREAMS)
    return {
        "commands": ["python -m benchmarks record" + (" --quick" if quick else "")],
        "figures": {
            "cpu_pct_per_camera": round(median(ours), 3),
            "ratio_to_copy": round(median([a / b for a, b in zip(ours, plain, strict=True)]), 2),
            "extra_ms_per_s": round(median([a - b for a, b in zip(ours, plain, strict=True)]) * 10, 2),
            "file_syncs_per_part": round(max(syncs), 3),
            "mbit_per_s": round(shown.bits_per_s / 1e6, 2),
            "streams": STREAMS,
        },
        "peers": {"pyav_copy_cpu_pct_per_camera": round(median(plain), 3)},
    }


def _ours(urls: Sequence[str], folder: Path, seconds: float) -> tuple[float, float]:
    """Share of a core of everything, and flushed files per part."""
    folder.mkdir()
    clock, stop = SystemClock(), threading.Event()
    disk, index = RealDisk(folder), Index(folder / "index.sqlite3")
    writer = Writer(disk, DayKeyStore(disk, PlainWrapper()), index, clock, os.urandom, lambda _draft: None, "box")
    recorder = Recorder(writer, clock)
    recorder.start()
    readers = [
        MainReader(f"cam-{number}", RtspOpener(url, NOBODY, clock), recorder, Backoff(random.random), stop)
        for number, url in enumerate(urls)
    ]
    share = _measured([reader.run for reader in readers], lambda: min(it.packets for it in readers), stop, seconds)
    recorder.stop()
    index.close()
    assert recorder.queue.dropped == recorder.failures == 0
    return share, disk.syncs / writer.counts.fragments


def _plain(urls: Sequence[str], folder: Path, seconds: float) -> float:
    """Share of a core of stream copy."""
    folder.mkdir()
    stop = threading.Event()
    packets = [0] * len(urls)

    def copy(number: int) -> None:
        source = RtspOpener(urls[number], NOBODY, SystemClock()).open()
        out = av.open(str(folder / f"{number}.mp4"), "w")
        stream, last = None, -1
        for arrival in source.packets():
            packet = arrival.packet
            if stream is None:
                stream = out.add_stream_from_template(packet.stream)
            if packet.dts is not None and packet.dts > last:
                last = packet.dts
                packet.stream = stream
                out.mux_one(packet)
            packets[number] += 1
            if stop.is_set():
                break
        out.close()
        source.close()

    works = [lambda number=number: copy(number) for number in range(len(urls))]
    return _measured(works, lambda: min(packets), stop, seconds)


def _measured(
    works: Sequence[Callable[[], None]], least: Callable[[], int], stop: threading.Event, seconds: float
) -> float:
    """Share of a core while every stream flows."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    while least() < FPS:
        time.sleep(0.05)
    began, cpu = time.monotonic(), cpu_s()
    time.sleep(seconds)
    share = (cpu_s() - cpu) / (time.monotonic() - began)
    stop.set()
    for thread in threads:
        thread.join()
    return share


def _write(shown: Film, path: Path) -> None:
    """The clip, over and over, in one file."""
    first = path.with_suffix(".first.mp4")
    sets, length_bytes = configuration(shown.extradata, shown.codec)
    key = to_byte_stream(shown.packets[0][0], length_bytes)
    first.write_bytes(Remuxer(StreamFormat(shown.codec, sets, key), 90_000 // FPS).initialisation)
    with av.open(str(first), "r") as template, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(template.streams.video[0])
        for number in range(CLIP_S * FPS):
            piece, is_key = shown.packets[number % len(shown.packets)]
            packet = av.Packet(piece)
            packet.stream, packet.time_base = stream, Fraction(1, FPS)
            packet.dts = packet.pts = number
            packet.duration, packet.is_keyframe = 1, is_key
            out.mux_one(packet)
