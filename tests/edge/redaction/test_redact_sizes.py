"""A film whose pictures change their size on the way: covered throughout, and whole inside the first size."""

from __future__ import annotations

import random
from pathlib import Path

import av
import numpy as np
import pytest
from rec_kit import START_NS, Packets, Store
from redaction_kit import Bright, detail, redactor

from common.clock import SECOND_NS
from edge.recorder.fakedisk import FakeDisk
from edge.recorder.footage.playback import Player
from edge.redaction.mask_renderer import FrameFormat, paint
from edge.redaction.video_reader import film_of_pieces
from pipelines.types import Box, Picture

OPEN = 12.0


def patch(size: tuple[int, int]) -> Box:
    """Where the patch stands; the same share of every size, as one view at two resolutions has it."""
    x, y = size[0] // 4, size[1] // 4
    return Box(x, y, x + size[0] // 8, y + size[1] // 6)


def clip(folder: Path, size: tuple[int, int]) -> Packets:
    """A second of a still view with checkers in it, as packets."""
    picture = np.full((size[1], size[0], 3), 60, np.uint8)
    box = patch(size)
    y, x = np.mgrid[: int(box.y2 - box.y1), : int(box.x2 - box.x1)]
    checkers = np.where((x // 4 + y // 4) % 2, 250, 150).astype(np.uint8)
    picture[int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)] = checkers[:, :, None]
    path = folder / f"{size[0]}.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=15)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = size[0], size[1], "yuv420p"
        stream.options = {"preset": "ultrafast", "g": "15", "bf": "0", "crf": "10"}
        for _ in range(15):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        out.mux(stream.encode(None))
    with av.open(str(path), "r") as source:
        stream = source.streams.video[0]
        found = [(bytes(it), bool(it.is_keyframe)) for it in source.demux(stream) if it.size]
        numbered = tuple((data, number, key) for number, (data, key) in enumerate(found))
        return "h264", bytes(stream.codec_context.extradata or b""), numbered


@pytest.mark.parametrize("sizes", [((640, 480), (320, 240)), ((320, 240), (640, 480)), ((640, 480), (640, 360))])
def test_a_covered_export_over_a_change_of_size_is_covered_on_both_sides(
    tmp_path: Path, sizes: tuple[tuple[int, int], ...]
) -> None:
    store = Store(FakeDisk(random.Random(1)))
    for session, size in enumerate(sizes):
        store.record(4, session=session, clip=clip(tmp_path, size))
    store.writer.close()
    player = Player(store.disk, store.keys.find, store.index)
    opener = film_of_pieces(lambda: player.play("cam-1", START_NS, START_NS + 8 * SECOND_NS), "cam-1")
    out = tmp_path / "out.mp4"
    counts = redactor(Bright()).redact(opener, out)
    assert (counts.black, counts.disagreed, counts.undecodable) == (0, 0, 0)
    with av.open(str(out), "r") as container:
        shown = [np.asarray(it.to_ndarray(format="gray"), np.uint8) for it in container.decode(video=0)]
    assert len(shown) == counts.frames == pytest.approx(120, abs=1)
    width, height = sizes[0]
    assert {it.shape for it in shown} == {(height, width)}
    scale = min(width / sizes[1][0], height / sizes[1][1])
    top, left = (height - sizes[1][1] * scale) / 2, (width - sizes[1][0] * scale) / 2
    second = patch(sizes[1])
    places = {
        0: patch(sizes[0]),
        1: Box(left + second.x1 * scale, top + second.y1 * scale, left + second.x2 * scale, top + second.y2 * scale),
    }
    worst = dict.fromkeys(places, 0.0)
    for number, luma in enumerate(shown):
        side = int(number >= 60)
        worst[side] = max(worst[side], detail(luma, places[side]))
    assert max(worst.values()) < OPEN, worst
    if top:
        assert int(shown[-1][: int(top) - 2].max()) < 30  # black above and below


def frame(picture: Picture) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(picture, format="bgr24")


@pytest.mark.parametrize("size", [(320, 240), (641, 481), (100, 400), (400, 100), (2, 2), (640, 478)])
def test_another_size_is_shown_whole_in_the_middle(size: tuple[int, int]) -> None:
    canvas = FrameFormat(640, 480, "yuv420p")
    picture = np.full((size[1], size[0], 3), 200, np.uint8)
    covered = paint(frame(picture), [], canvas, np.random.default_rng(1))
    assert not covered.black
    luma = np.asarray(covered.frame.to_ndarray(format="gray"), np.uint8)
    assert luma.shape == (480, 640)
    rows, columns = np.nonzero(luma > 120)
    assert (rows.max() - rows.min() + 1) / (columns.max() - columns.min() + 1) == pytest.approx(
        size[1] / size[0], rel=0.05
    )
    assert abs((columns.min() + columns.max()) / 2 - 319.5) <= 2
    assert abs((rows.min() + rows.max()) / 2 - 239.5) <= 2
