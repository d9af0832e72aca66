"""Whole videos: what is found is covered, what fails is black, and nothing of the original sticks to the copy."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from model_kit import obtain
from numpy.typing import NDArray
from redact_kit import Truth, render, still_clip
from redaction_kit import Bright, Failing, Stuck, detail, lumas, make_film, place, redactor, scene

from common.errors import ModelError, RedactionError
from edge.media.redaction_statistics import Counts
from edge.redaction.encoder import FRAGMENTS, Encoder, Origin
from edge.redaction.factory import export_redactor
from edge.redaction.mask_renderer import FrameFormat, black, paint
from edge.redaction.video_reader import film_of, film_of_pieces
from edge.redaction.worker_pool import MOST_STUCK
from models.files.store import ModelStore
from pipelines.types import Box, Picture

ROOT = Path(__file__).resolve().parents[3]
FACES = ROOT.parent / "shared" / "data" / "faces_scene"
OPEN = 12.0
"""Detail of a patch that can be seen; covered ones have far less."""


def covered(folder: Path, detector: Bright | Failing | Stuck, film: Path, **more: float) -> tuple[Counts, Path]:
    out = folder / "out.mp4"
    return redactor(detector, **more).redact(film_of(film), out), out  # type: ignore[arg-type]


def open_frames(out: Path) -> list[int]:
    return [number for number, luma in enumerate(lumas(out)) if detail(luma, place(number)) > OPEN]


def test_the_clear_clip_shows_what_would_have_to_be_covered(tmp_path: Path) -> None:
    film = make_film(tmp_path / "in.mp4")
    assert open_frames(film) == list(range(36))


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg4"])
def test_every_frame_is_covered_and_none_is_lost(tmp_path: Path, codec: str) -> None:
    film = make_film(tmp_path / "in.mp4", codec=codec)
    counts, out = covered(tmp_path, Bright(), film)
    assert open_frames(out) == []
    assert (counts.frames, counts.black, len(lumas(out))) == (36, 0, 36)
    assert counts.looks < 36
    assert counts.covers >= 36


def test_frames_between_before_and_after_what_a_detector_finds_are_covered(tmp_path: Path) -> None:
    film = make_film(tmp_path / "in.mp4", 60)
    counts, out = covered(tmp_path, Bright(lambda call: call % 4 == 2), film, threads=1)
    assert open_frames(out) == []
    assert counts.black == 0


def test_what_is_not_covered_stays_as_it_was(tmp_path: Path) -> None:
    film = make_film(tmp_path / "in.mp4")
    _, out = covered(tmp_path, Bright(), film)
    for luma in lumas(out):
        assert np.abs(luma[150:].astype(int) - 60).max() <= 3


def test_nothing_found_means_nothing_covered(tmp_path: Path) -> None:
    film = make_film(tmp_path / "in.mp4")
    counts, out = covered(tmp_path, Bright(lambda _call: False), film)
    assert counts.covers == 0
    assert open_frames(out) == list(range(36))


@pytest.mark.parametrize("error", [ModelError("x"), ValueError("x"), RuntimeError("x"), MemoryError()])
def test_a_detector_that_raises_gives_black_frames_and_they_are_counted(tmp_path: Path, error: Exception) -> None:
    film = make_film(tmp_path / "in.mp4")
    counts, out = covered(tmp_path, Failing(lambda call: call in (5, 6), error), film, threads=1)
    dark = [number for number, luma in enumerate(lumas(out)) if luma.max() < 30]
    assert open_frames(out) == []
    assert counts.failed_looks == 2
    assert counts.black == len(dark) >= 3
    assert len(lumas(out)) == counts.frames == 36


def test_a_detector_that_always_raises_leaves_nothing_to_see(tmp_path: Path) -> None:
    film = make_film(tmp_path / "in.mp4")
    counts, out = covered(tmp_path, Failing(lambda _call: True, ModelError("x")), film)
    assert counts.black == counts.frames == 36
    assert all(luma.max() < 30 for luma in lumas(out))


def test_a_detector_that_hangs_gives_black_frames_and_the_rest_goes_on(tmp_path: Path) -> None:
    film = make_film(tmp_path / "in.mp4")
    stuck = Stuck(lambda call: call == 4)
    counts, out = covered(tmp_path, stuck, film, timeout_s=0.3, threads=1)
    stuck.go.set()
    assert counts.timed_out >= 1
    assert 0 < counts.black < 36
    assert open_frames(out) == []


def test_detectors_that_all_hang_end_it_without_a_file(tmp_path: Path) -> None:
    film = make_film(tmp_path / "in.mp4", 12 * MOST_STUCK)
    stuck = Stuck(lambda _call: True)
    with pytest.raises(RedactionError, match="hang"):
        covered(tmp_path, stuck, film, timeout_s=0.05)
    stuck.go.set()
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_an_unknown_pixel_format_gives_black_frames(tmp_path: Path) -> None:
    film = make_film(tmp_path / "in.mkv", codec="ffv1", pixels="yuv410p")
    counts, out = covered(tmp_path, Bright(), film)
    assert counts.unknown_pixels == counts.black == counts.frames == 36
    assert all(luma.max() < 30 for luma in lumas(out))


@pytest.mark.parametrize(
    ("codec", "pixels"),
    [("ffv1", "yuv422p"), ("ffv1", "yuv444p"), ("ffv1", "yuv420p10le"), ("mjpeg", "yuvj420p"), ("ffv1", "gray")],
)
def test_known_pixel_formats_come_out_covered_as_420(tmp_path: Path, codec: str, pixels: str) -> None:
    film = make_film(tmp_path / "in.mkv", 24, codec=codec, pixels=pixels)
    counts, out = covered(tmp_path, Bright(), film)
    assert (open_frames(out), counts.black) == ([], 0)
    with av.open(str(out)) as container:
        assert container.streams.video[0].codec_context.pix_fmt in ("yuv420p", "yuvj420p")
        assert abs(int(lumas(out)[0][200, 10]) - 60) < 8


def test_an_odd_size_becomes_even(tmp_path: Path) -> None:
    film = make_film(tmp_path / "in.mkv", 24, codec="ffv1", size=(321, 241))
    _, out = covered(tmp_path, Bright(), film)
    assert lumas(out)[0].shape == (240, 320)
    assert open_frames(out) == []


UNTURNED = (1, 0, 0, 0, 1, 0)
"""The matrix of a track's header, ISO/IEC 14496-12, 8.3.2: a b u c d v; x and y that follow are as they are."""


@pytest.mark.parametrize(
    ("matrix", "turns"), [((0, 1, 0, -1, 0, 0), -1), ((-1, 0, 0, 0, -1, 0), 2), ((0, -1, 0, 1, 0, 0), 1)]
)
def test_a_video_that_is_marked_as_turned_comes_out_upright_and_covered(
    tmp_path: Path, matrix: tuple[int, ...], turns: int
) -> None:
    film = make_film(tmp_path / "in.mp4", 24)
    plain, turned = (struct.pack(">6i", *(value << 16 for value in it)) for it in (UNTURNED, matrix))
    data = film.read_bytes()
    header = data.index(b"tkhd")
    clear = [np.rot90(luma, turns) for luma in lumas(film)]
    film.write_bytes(data[:header] + data[header:].replace(plain, turned, 1))
    counts, out = covered(tmp_path, Bright(), film)
    assert counts.black == 0
    for before, after in zip(clear, lumas(out), strict=True):
        assert before.shape == after.shape
        patch = before > 110
        assert likeness_of(before[patch], after[patch]) < 0.5
        assert after[patch].mean() > 120  # the cover lies where the patch would be


def test_metadata_is_stripped_and_sound_is_left_out(tmp_path: Path) -> None:
    told = {"title": "gate 7", "comment": "the chief's phone", "location": "+31.2+121.4/"}
    film = make_film(tmp_path / "in.mp4", sound=True, metadata=told)
    assert b"the chief" in film.read_bytes()
    _, out = covered(tmp_path, Bright(), film)
    with av.open(str(out)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert set(container.metadata) <= {"major_brand", "minor_version", "compatible_brands"}
        assert set(container.streams.video[0].metadata) <= {"language", "handler_name"}
    assert not any(word in out.read_bytes() for word in (b"gate 7", b"chief", b"121.4", b"Lavf"))


def test_sound_is_copied_where_asked_for(tmp_path: Path) -> None:
    film = make_film(tmp_path / "in.mp4", sound=True)
    out = tmp_path / "out.mp4"
    counts = redactor(Bright()).redact(film_of(film), out, sound=True)
    with av.open(str(film)) as before, av.open(str(out)) as after:
        packets = [sum(1 for it in one.demux(audio=0) if it.size) for one in (before, after)]
        assert abs(packets[0] - packets[1]) <= 2  # what lies before the first picture
        assert counts.sound_packets == packets[1] > 20
    assert open_frames(out) == []


def test_a_file_that_breaks_off_is_covered_up_to_there(tmp_path: Path) -> None:
    film = make_film(tmp_path / "in.ts", 60)
    film.write_bytes(film.read_bytes()[: film.stat().st_size * 2 // 3])
    counts, out = covered(tmp_path, Bright(), film)
    assert 20 < counts.frames < 60
    assert open_frames(out) == []


def test_damaged_bytes_are_counted_or_black_and_the_rest_goes_on(tmp_path: Path) -> None:
    film = make_film(tmp_path / "in.ts", 60)
    data = bytearray(film.read_bytes())
    for start in range(len(data) // 3, len(data) // 2, 188 * 5):
        data[start + 20 : start + 120] = bytes(100)
    film.write_bytes(bytes(data))
    counts, out = covered(tmp_path, Bright(), film)
    assert counts.corrupt + counts.undecodable + (60 - counts.frames) > 0
    assert counts.frames > 25
    assert not any(detail(luma, place(number)) > OPEN for number, luma in enumerate(lumas(out)[:15]))


@pytest.mark.parametrize("content", [b"", b"no video at all" * 100])
def test_what_is_no_video_is_refused_and_leaves_no_file(tmp_path: Path, content: bytes) -> None:
    film = tmp_path / "in.mp4"
    film.write_bytes(content)
    with pytest.raises(RedactionError, match="nothing to cover"):
        covered(tmp_path, Bright(), film)
    with pytest.raises(RedactionError, match="nothing to cover"):
        covered(tmp_path, Bright(), tmp_path / "none.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_a_stream_without_one_readable_frame_is_refused(tmp_path: Path) -> None:
    film = make_film(tmp_path / "in.mp4", 24)
    data = bytearray(film.read_bytes())
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[start:end] = bytes(end - start)
    film.write_bytes(bytes(data))
    with pytest.raises(RedactionError, match="not one frame"):
        covered(tmp_path, Bright(), film)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_pieces_of_a_fragmented_mp4_are_covered_too(tmp_path: Path) -> None:
    whole = io.BytesIO()
    with (
        av.open(str(make_film(tmp_path / "in.mp4"))) as source,
        av.open(whole, "w", format="mp4", options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    data = whole.getvalue()

    def play() -> Iterator[bytes]:
        yield from (data[at : at + 3000] for at in range(0, len(data), 3000))

    out = tmp_path / "out.mp4"
    counts = redactor(Bright()).redact(film_of_pieces(play, "cam-1"), out)
    assert (counts.frames, open_frames(out)) == (36, [])
    with pytest.raises(RedactionError, match="cam-1"):
        film_of_pieces(lambda: iter([b"nothing"]), "cam-1")()


def test_a_stream_can_be_written_in_fragments(tmp_path: Path) -> None:
    class Sink:
        data = b""

        def write(self, data: bytes) -> int:
            self.data += bytes(data)
            return len(data)

    sink = Sink()
    redactor(Bright()).redact(film_of(make_film(tmp_path / "in.mp4")), sink)
    out = tmp_path / "out.mp4"
    out.write_bytes(sink.data)
    assert (len(lumas(out)), open_frames(out)) == (36, [])
    live = Encoder(
        Sink(), FrameFormat(64, 48, "yuv420p"), Origin(film_of(out)().base, 12), options=FRAGMENTS, live=True
    )
    live.put(black(FrameFormat(64, 48, "yuv420p")), 0)
    live.close()


def test_painting_never_changes_the_frame_that_the_decoder_still_needs() -> None:
    frame = av.VideoFrame.from_ndarray(scene(0), format="bgr24").reformat(format="yuv420p")
    before = frame.to_ndarray().copy()
    shown = paint(frame, [Box(0, 0, 320, 240)], FrameFormat.of(frame), np.random.default_rng(0))
    assert np.array_equal(frame.to_ndarray(), before)
    assert not np.array_equal(shown.frame.to_ndarray(), before)


def test_progress_is_told_for_each_frame(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    film = make_film(tmp_path / "in.mp4")
    redactor(Bright()).redact(film_of(film), tmp_path / "o.mp4", progress=lambda *it: told.append(it))
    assert told == [(number + 1, 36) for number in range(36)]


def test_a_view_that_stands_still_is_not_searched_again(tmp_path: Path) -> None:
    film = render([scene(0)] * 80, tmp_path / "in.mp4")
    detector = Bright()
    counts, out = covered(tmp_path, detector, film)
    assert counts.unchanged > counts.looks
    assert not any(detail(luma, place(0)) > OPEN for luma in lumas(out))


MEMORY = """
import sys
from pathlib import Path
sys.path[:0] = [{kit!r}]
from redaction_kit import Bright, redactor
from edge.redaction.video_reader import film_of
redactor(Bright()).redact(film_of(Path({film!r})), Path({out!r}))
status = Path("/proc/self/status").read_text()  # ru_maxrss would count the parent's memory at the fork
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    """900 frames of 320 x 240 would be 100 MB if they were held."""
    peaks = []
    for frames in (100, 900):
        film, out = make_film(tmp_path / f"{frames}.mp4", frames), tmp_path / f"out{frames}.mp4"
        script = MEMORY.format(kit=str(ROOT / "tests" / "edge"), film=str(film), out=str(out))
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
        peaks.append(int(done.stdout) / 1024)
    assert peaks[1] < peaks[0] + 40
    assert peaks[1] < 400


def test_real_faces_are_covered_in_every_frame(tmp_path: Path, model_store: ModelStore) -> None:
    obtain(model_store, "faces-to-blur")
    blur = export_redactor(model_store, faces_only=True)
    labels = FACES / "truth.jsonl"
    rows = [json.loads(line) for line in labels.read_text().splitlines()] if labels.is_file() else []
    for row in [row for row in rows if row["faces"]][::6]:
        faces = [Box(*it["box"]) for it in row["faces"] if it["kind"] == "face"]
        film = still_clip(Truth(FACES / row["file"], faces), tmp_path)
        out = tmp_path / f"{film.stem}-out.mp4"
        assert blur.redact(film_of(film), out).black == 0
        for before, after in zip(lumas(film), lumas(out), strict=True):
            assert all(likeness(before, after, face) < 0.5 for face in faces), row["file"]
    assert blur.name.startswith("faces covered")


def likeness(before: Picture, after: Picture, box: Box) -> float:
    """How much of the fine detail in a part of a frame is the same in two videos, -1 to 1."""
    x1, y1, x2, y2 = (round(value) for value in box)
    a, b = (cv2.Laplacian(it[y1:y2, x1:x2], cv2.CV_64F).ravel() for it in (before, after))
    return likeness_of(a, b)


def likeness_of(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Correlation of two rows of numbers."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(np.mean((a - a.mean()) * (b - b.mean())) / max(1e-9, float(a.std() * b.std())))
