"""Real footage for the demonstration: freely licensed clips, fetched once and checked.

Each clip lists its sources in order: a folder next to the checkout, its upstream address, a file inside a Debian
package. What cannot be had is left out; one clip is enough.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from common import logging_setup
from common.errors import ModelError, PaifangError, SourceError
from models.files.download import download
from models.manifest import File

STALL_S = 8.0
_OPENCV = "usr/share/doc/opencv-doc/examples/data"
_INTEL = "https://raw.githubusercontent.com/intel-iot-devkit/sample-videos/57978890822836f2b4743852f04f62fc511757e4"


@dataclass(frozen=True)
class SampleClip:
    """One clip.

    Attributes:
        name: File name.
        sha256: Of the file.
        size: Bytes.
        licence: Under which it may be used, and whom to name.
        address: Upstream; empty for none.
        package: Debian package and the file's path in it; empty for none.
    """

    name: str
    sha256: str
    size: int
    licence: str
    address: str = ""
    package: tuple[str, str] = ("", "")


WALKWAY = SampleClip(
    "vtest.avi",
    "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf",
    8131690,
    "Apache-2.0 and BSD-3-Clause (opencv-doc); pictures: PETS 2009, University of Reading",
    package=("opencv-doc", f"{_OPENCV}/vtest.avi"),
)
LANE = SampleClip(
    "car-detection.mp4",
    "d31e0ebf194cc16e50eea784e7c3b0b1bb7976a4fb9b3fec26cb92a6704cca34",
    2811553,
    "CC-BY-4.0, Intel IoT Devkit sample videos",
    address=f"{_INTEL}/car-detection.mp4",
)
HALLWAY = SampleClip(
    "one-by-one-person-detection.mp4",
    "a5964aa259099a482a8b360ffc2c57b5a30f84d5919236a4dad01f8e929ac07c",
    3291918,
    "CC-BY-4.0, Intel IoT Devkit sample videos",
    address=f"{_INTEL}/one-by-one-person-detection.mp4",
)
TOLL = SampleClip(
    "gate_seg1.mp4",
    "f5dd6c07d7be867ed939371dfad27425b937973efbaf1504fc85c014198c6393",
    2495954,
    "MIT, parkpow/deep-license-plate-recognition (the first 8.5 s of its cars.mp4, stream copy)",
)
"""Only from the folder next to the checkout: a part of a longer file cannot be verified by its upstream hash."""
CLIPS: tuple[SampleClip, ...] = (WALKWAY, LANE, HALLWAY, TOLL)


def fetch(footage: SampleClip, cache: Path, folders: Sequence[Path]) -> Path:
    """The clip's file, from the cache or the first source that has it.

    Raises:
        SourceError: No source has it; lists each with its reason.
    """
    cache.mkdir(parents=True, exist_ok=True)
    reasons: list[str] = []
    for path in [cache / footage.name, *(folder / footage.name for folder in folders)]:
        if path.is_file():
            if _matches(path, footage):
                return path
            reasons.append(f"{path}: other bytes than promised")
    with _locked(cache):
        return _fetch_first_available(footage, cache, reasons)


def _fetch_first_available(footage: SampleClip, cache: Path, reasons: list[str]) -> Path:
    if (cache / footage.name).is_file() and _matches(cache / footage.name, footage):
        return cache / footage.name  # another process fetched it meanwhile
    for label, fetch_source in _fetchers(footage, cache):
        try:
            fetch_source()
        except (PaifangError, OSError, subprocess.SubprocessError) as error:
            reasons.append(f"{label}: {error}")
            continue
        if _matches(cache / footage.name, footage):
            return cache / footage.name
        (cache / footage.name).unlink()
        reasons.append(f"{label}: other bytes than promised; thrown away")
    raise SourceError(f"clip '{footage.name}' cannot be had: " + "; ".join(reasons or ["it has no source"]))


@contextlib.contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """One process at a time brings clips; the kernel lets go when a holder dies."""
    handle = os.open(cache / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def available(cache: Path, folders: Sequence[Path]) -> dict[str, Path]:
    """Name → file of every clip that can be had."""
    found: dict[str, Path] = {}
    for footage in CLIPS:
        try:
            found[footage.name] = fetch(footage, cache, folders)
        except SourceError as error:
            logging_setup.get("demo").info("clip left out", clip=footage.name, reason=str(error))
    return found


def prepare(source: Path, target: Path, codec: str = "h264", crop: tuple[float, float] = (0.0, 1.0)) -> Path:
    """Encode a clip as an IP camera would send it: a key frame every two seconds, no B frames.

    A whole clip that is H.264 in MP4 already is served as it is.

    Args:
        source: Any video file.
        target: Written atomically; left unchanged if it exists.
        codec: `h264` or `hevc`.
        crop: Left and right edge, fractions of the width: a second camera out of the same footage.

    Raises:
        SourceError: The source is no video.
    """
    if codec == "h264" and crop == (0.0, 1.0) and source.suffix == ".mp4" and _is_h264(source):
        return source
    if target.exists():
        return target
    half = target.with_suffix(f".{os.getpid()}.part.mp4")  # another process may prepare the same clip
    try:
        _encode(source, half, codec, crop)
    except (av.error.FFmpegError, IndexError) as error:
        raise SourceError(f"{source}: cannot be prepared: {error}") from error
    half.rename(target)
    return target


def _encode(source: Path, target: Path, codec: str, crop: tuple[float, float]) -> None:
    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        video = given.streams.video[0]
        rate = Fraction(video.average_rate or 15).limit_denominator(1000)
        left, right = (round(edge * video.width / 16) * 16 for edge in crop)
        stream = made.add_stream("libx264" if codec == "h264" else "libx265", rate=rate)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = min(right, video.width) - left, video.height // 2 * 2, "yuv420p"
        own = {"crf": "24", "bf": "0", "g": str(round(2 * rate))}
        if codec == "hevc":
            own = {"crf": "26", "x265-params": f"log-level=error:bframes=0:keyint={round(2 * rate)}"}
        stream.options = {"preset": "ultrafast" if codec == "hevc" else "veryfast", **own}
        for number, frame in enumerate(given.decode(video)):
            part = frame.to_ndarray(format="bgr24")[: stream.height, left : left + stream.width]
            shown = av.VideoFrame.from_ndarray(part, format="bgr24")
            shown.pts, shown.time_base = number, 1 / rate
            made.mux(stream.encode(shown))
        made.mux(stream.encode(None))


def _is_h264(source: Path) -> bool:
    with av.open(str(source)) as container:
        return bool(container.streams.video) and container.streams.video[0].codec_context.name == "h264"


def _fetchers(footage: SampleClip, cache: Path) -> list[tuple[str, Callable[[], None]]]:
    fetchers: list[tuple[str, Callable[[], None]]] = []
    if footage.address:
        file = File(name=footage.name, sha256=footage.sha256, bytes=footage.size)
        fetchers.append(("upstream", lambda: download(footage.address, file, cache, STALL_S, lambda _done, _all: None)))
    if footage.package[0]:
        fetchers.append((f"Debian's {footage.package[0]}", lambda: _from_debian(footage, cache)))
    return fetchers


def _from_debian(footage: SampleClip, cache: Path) -> None:
    """Take one file out of a Debian package without installing it."""
    package, member = footage.package
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["apt-get", "download", "-q", package], cwd=folder, check=True, capture_output=True)
        debs = list(Path(folder).glob("*.deb"))
        if not debs:
            raise ModelError(f"{package} was not downloaded")
        subprocess.run(["dpkg-deb", "-x", str(debs[0]), folder], check=True, capture_output=True)
        (cache / footage.name).write_bytes((Path(folder) / member).read_bytes())


def _matches(path: Path, footage: SampleClip) -> bool:
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest() == footage.sha256
