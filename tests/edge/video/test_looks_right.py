"""Pixel aspect, rotation, mirroring and colours survive everything that encodes a picture anew."""

from __future__ import annotations

import contextlib
import io
import random
import struct
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.container import InputContainer
from rec_kit import Packets, Store, in_band
from redaction_kit import Bright, redactor

from common.clock import SystemClock
from common.errors import RedactionError, SourceLost
from edge.jobs.live.live_encoder import View
from edge.jobs.releases.encoder import MarkedEncoder
from edge.jobs.releases.watermark import Watermarker
from edge.media.orientation import shown, upright
from edge.recorder.fakedisk import FakeDisk
from edge.recorder.footage.playback import Player
from edge.recorder.footage.query_handler import first_picture
from edge.redaction.live_redactor import LiveRedactor
from edge.redaction.mask_renderer import FrameFormat
from edge.redaction.video_reader import VideoFrame, VideoReader, film_of, film_of_pieces
from edge.sources.base import NOBODY, Stream, VideoPacket
from edge.sources.file import FileOpener
from edge.video.decoder import Decoder, picture_of
from pipelines.types import Picture

SIZE = (176, 144)
WIDE = Fraction(16, 11)
BT709, BT601, FULL, LIMITED = 1, 6, 2, 1
MATRICES = {
    "mirrored": (-1, 0, 0, 1),
    "upside down mirrored": (1, 0, 0, -1),
    "half": (-1, 0, 0, -1),
    "right": (0, 1, -1, 0),
    "left": (0, -1, 1, 0),
    "transposed": (0, 1, 1, 0),
    "transposed the other way": (0, -1, -1, 0),
}


def matrix_of(signs: tuple[int, int, int, int]) -> tuple[int, ...]:
    a, b, c, d = (it << 16 for it in signs)
    return a, b, 0, c, d, 0, 0, 0, 1 << 30


def make(
    path: Path,
    codec: str = "libx264",
    *,
    aspect: Fraction = Fraction(1),
    space: int = BT709,
    full: bool = False,
    signs: tuple[int, int, int, int] | None = None,
    size: tuple[int, int] = SIZE,
) -> Path:
    """Grey, with a bright block in the stored picture's top left corner and a reddish one in its top right."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=12)
        assert isinstance(stream, av.VideoStream)
        context = stream.codec_context
        stream.width, stream.height, stream.pix_fmt = *size, "yuvj420p" if full else "yuv420p"
        context.colorspace = context.color_primaries = context.color_trc = space
        context.color_range, context.sample_aspect_ratio = FULL if full else LIMITED, aspect
        stream.options = {"x265-params": "log-level=error:bframes=0"} if codec == "libx265" else {"bf": "0", "g": "12"}
        if signs is not None:
            stream.set_display_matrix(matrix_of(signs))
        for number in range(24):
            frame = av.VideoFrame(*size, stream.pix_fmt)
            for plane, (ground, corner) in zip(frame.planes, ((90, 200), (128, 128), (128, 128)), strict=True):
                values = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)
                values[...] = ground
                values[: plane.height // 4, : plane.width // 4] = corner
            red = np.frombuffer(memoryview(frame.planes[2]), np.uint8).reshape(frame.planes[2].height, -1)
            red[: red.shape[0] // 4, red.shape[1] // 2 :] = 190
            frame.pts, frame.time_base = number, Fraction(1, 12)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def player_of(store: Store) -> Player:
    return Player(store.disk, store.keys.find, store.index)


def corner(luma: Picture) -> tuple[bool, bool]:
    """Whether the bright block is at the (right, bottom)."""
    rows, columns = np.nonzero(luma > luma.mean() + 40)
    return bool(columns.mean() > luma.shape[1] / 2), bool(rows.mean() > luma.shape[0] / 2)


CORNERS = {
    "mirrored": (True, False),
    "upside down mirrored": (False, True),
    "half": (True, True),
    "right": (True, False),
    "left": (False, True),
    "transposed": (False, False),
    "transposed the other way": (True, True),
}


def first(container: InputContainer) -> tuple[Picture, av.VideoFrame, Fraction | None]:
    frame = next(container.decode(video=0))
    aspect = container.streams.video[0].sample_aspect_ratio
    return np.asarray(frame.to_ndarray(format="gray"), np.uint8), frame, aspect


def exported(source: Path) -> InputContainer:
    out = source.with_name("out.mp4")
    redactor(Bright(lambda _call: False)).redact(film_of(source), out)
    return av.open(str(out))


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("space", [BT709, BT601])
@pytest.mark.parametrize("full", [False, True])
def test_an_export_keeps_aspect_and_colours(tmp_path: Path, codec: str, space: int, full: bool) -> None:
    source = make(tmp_path / "in.mp4", codec, aspect=WIDE, space=space, full=full)
    with av.open(str(source)) as container:
        before = next(container.decode(video=0))
    with exported(source) as container:
        _, after, aspect = first(container)
        context = container.streams.video[0].codec_context
        said = context.colorspace, context.color_primaries, context.color_trc, context.color_range
        assert tuple(map(int, said)) == (space, space, space, FULL if full else LIMITED)
    assert aspect == WIDE
    assert (after.width, after.height) == SIZE
    assert np.abs(picture_of(before).astype(int) - picture_of(after)).mean() < 2


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_an_export_is_upright_in_its_own_colours(tmp_path: Path, name: str, codec: str) -> None:
    source = make(tmp_path / "in.mp4", codec, aspect=WIDE, full=True, signs=MATRICES[name])
    turned = MATRICES[name][0] == 0
    with exported(source) as container:
        luma, frame, aspect = first(container)
        assert aspect == (1 / WIDE if turned else WIDE)
        assert (frame.width, frame.height) == (SIZE[::-1] if turned else SIZE)
        assert corner(luma) == CORNERS[name]
        assert frame.rotation == 0
        red = np.asarray(frame.to_ndarray(format="yuvj420p"))[frame.height :]
        assert int(red.max()) == pytest.approx(190, abs=8)


@pytest.mark.parametrize("name", MATRICES)
def test_each_matrix_moves_each_corner_where_it_says(tmp_path: Path, name: str) -> None:
    with av.open(str(make(tmp_path / "in.mp4", signs=MATRICES[name]))) as container:
        frame = next(container.decode(video=0))
    assert corner(np.asarray(upright(frame).to_ndarray(format="gray"), np.uint8)) == CORNERS[name]


LEFT = {
    "libx264": bytes.fromhex("062f0308000980"),
    "libx265": bytes.fromhex("4e012f0308001880"),
}
"""A display orientation in the picture's own data: a quarter to the left (H.264, D.1.27; H.265, D.2.17)."""


def sideways(codec: str, folder: Path) -> Packets:
    """Packets of a camera with oblong pixels that is mounted sideways and says so."""
    with av.open(str(make(folder / "cam.mp4", codec, aspect=WIDE))) as source:
        stream = source.streams.video[0]
        told = len(LEFT[codec]).to_bytes(4, "big") + LEFT[codec]
        found = [(told + bytes(it), bool(it.is_keyframe)) for it in source.demux(stream) if it.size]
        numbered = tuple((data, number, key) for number, (data, key) in enumerate(found))
        return in_band((stream.codec_context.name, bytes(stream.codec_context.extradata or b""), numbered))


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_footage_keeps_how_a_picture_is_meant(tmp_path: Path, codec: str) -> None:
    clip, store = sideways(codec, tmp_path), Store(FakeDisk(random.Random(1)))
    store.record(4, clip=clip)
    store.writer.close()
    row = store.rows()[0]
    opener = film_of_pieces(lambda: player_of(store).play("cam-1", row.start_ns, row.end_ns), "cam-1")
    out = tmp_path / "film.mp4"
    redactor(Bright(lambda _call: False)).redact(opener, out)
    with av.open(str(out)) as container:
        luma, frame, aspect = first(container)
        assert (frame.width, frame.height) == SIZE[::-1]
        assert aspect == 1 / WIDE
        assert corner(luma) == (False, True)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_still_of_footage_is_upright_with_square_pixels(tmp_path: Path, codec: str) -> None:
    store = Store(FakeDisk(random.Random(1)))
    store.record(4, clip=sideways(codec, tmp_path))
    store.writer.close()
    row = store.rows()[0]
    picture = first_picture(b"".join(player_of(store).play("cam-1", row.start_ns, row.end_ns)), 0.5)
    assert picture is not None
    assert picture.shape == (256, 144, 3)
    assert corner(picture[:, :, 1]) == (False, True)


def sent(view: View) -> bytes:
    data = bytearray()
    with contextlib.suppress(RedactionError):  # the file ends
        for pieces in view.pieces():
            data += b"".join(piece.data for piece in pieces)
    return bytes(data)


def view_of(source: Path) -> View:
    redactor = LiveRedactor(Bright(), None, np.random.default_rng(1), deadline_s=20.0)
    return View(FileOpener(str(source), NOBODY, SystemClock()), redactor, 500)


@pytest.mark.parametrize("signs", [None, *MATRICES.values()])
def test_a_view_is_upright_with_square_pixels_and_colours(
    tmp_path: Path, signs: tuple[int, int, int, int] | None
) -> None:
    source = make(tmp_path / "in.mp4", aspect=WIDE, space=BT601, full=True, signs=signs)
    view = View(
        FileOpener(str(source), NOBODY, SystemClock()), LiveRedactor(Bright(), None, np.random.default_rng(1)), 500
    )
    data = sent(view)
    with cast(InputContainer, av.open(io.BytesIO(data))) as container:
        _, frame, aspect = first(container)
        turned = signs is not None and signs[0] == 0
        assert (frame.width, frame.height) == ((144, 256) if turned else (256, 144))
        assert aspect in (None, 1)
        assert (int(frame.colorspace), int(frame.color_range)) == (BT601, FULL)


def test_a_small_view_of_a_large_picture_says_the_matrix_that_players_would_take(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", space=2, size=(1280, 720))
    view = View(
        FileOpener(str(source), NOBODY, SystemClock()), LiveRedactor(Bright(), None, np.random.default_rng(1)), 500
    )
    data = sent(view)
    with cast(InputContainer, av.open(io.BytesIO(data))) as container:
        _, frame, _ = first(container)
        assert (frame.width, int(frame.colorspace)) == (640, BT709)


@pytest.mark.parametrize("aspect", [Fraction(1), WIDE, Fraction(3, 4), Fraction(200)])
def test_what_detectors_and_snapshots_see_has_square_pixels(tmp_path: Path, aspect: Fraction) -> None:
    source = FileOpener(str(make(tmp_path / "in.mp4", aspect=aspect)), NOBODY, SystemClock()).open()
    decoder = Decoder(source.codec, source.extradata, source.matrix)
    frames = [frame for arrival in all_of(source) for frame in decoder.decode(arrival)]
    source.close()
    sizes = {Fraction(1): SIZE, WIDE: (256, 144), Fraction(3, 4): (176, 192), Fraction(200): SIZE}
    assert {(it.width, it.height) for it in frames} == {sizes[aspect]}


def all_of(source: Stream) -> list[VideoPacket]:
    found: list[VideoPacket] = []
    with contextlib.suppress(SourceLost):
        found.extend(arrival.packet for arrival in source.packets())
    return found


def test_a_clear_copy_keeps_aspect_and_colours(tmp_path: Path) -> None:
    film, out = film_of(make(tmp_path / "in.mp4", aspect=WIDE, full=True))(), io.BytesIO()
    _copy(film, out)
    with cast(InputContainer, av.open(io.BytesIO(out.getvalue()))) as container:
        _, frame, aspect = first(container)
        assert aspect == WIDE
        assert (int(frame.colorspace), int(frame.color_range)) == (BT709, FULL)


def _copy(film: VideoReader, out: io.BytesIO) -> None:
    encoder: MarkedEncoder | None = None
    for shot in film.shots():
        assert isinstance(shot, VideoFrame)
        canvas = FrameFormat.of(shot.frame)
        encoder = encoder or MarkedEncoder(out, canvas, film.origin(sound=False))
        encoder.put(Watermarker(canvas, ("id", "case")).mark(shot.frame, 0.0))
    assert encoder is not None
    encoder.close()
    film.close()


def test_a_matrix_of_nonsense_turns_nothing(tmp_path: Path) -> None:
    with av.open(str(make(tmp_path / "in.mp4"))) as container:
        frame = next(container.decode(video=0))
    for matrix in (b"", b"x", struct.pack("=9i", *([0] * 9)), struct.pack("=9i", *([-(2**31)] * 9))):
        assert shown(frame, None, matrix).width in SIZE


def test_a_stream_that_begins_to_say_how_its_camera_is_mounted_is_turned(tmp_path: Path) -> None:
    source = FileOpener(str(make(tmp_path / "in.mp4")), NOBODY, SystemClock()).open()
    decoder, given = Decoder(source.codec, source.extradata, source.matrix), all_of(source)
    source.close()
    upright_sizes = [(it.width, it.height) for packet in given for it in decoder.decode(packet)]
    turned_sizes = [(it.width, it.height) for packet in given for it in decoder.decode(_telling(packet))]
    assert set(upright_sizes) == {SIZE}
    assert set(turned_sizes) == {SIZE[::-1]}


def _telling(packet: VideoPacket) -> VideoPacket:
    """The packet with a display orientation before its picture."""
    message = LEFT["libx264"]
    made = av.Packet(len(message).to_bytes(4, "big") + message + bytes(packet))
    made.is_keyframe = packet.is_keyframe
    made.time_base = packet.time_base
    return cast(VideoPacket, made)
