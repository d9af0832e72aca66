"""Frames are freed when nothing uses them any more; none waits for the garbage collector.

A frame in a reference cycle kept its pixels until the collector ran: eight busy cameras with clips took 964 MB.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from edge_kit import make_clip
from redaction_kit import Bright, make_film, redactor

from edge.media.orientation import orientation
from edge.redaction.video_reader import film_of, film_of_pieces
from edge.video.decoder import Decoder, luma_of, picture_of


@pytest.fixture(autouse=True, scope="module")
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.freeze()  # what is there already is not searched for frames again and again, nor by the collector later
    gc.disable()
    yield
    gc.enable()


def frames_in_memory() -> int:
    """Frames in memory that came since these tests began."""
    return sum(type(it) is av.VideoFrame for it in gc.get_objects())


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_camera_s_decoder_keeps_no_frame_that_was_let_go(tmp_path: Path, codec: str) -> None:
    most = before = frames_in_memory()
    with av.open(str(make_clip(tmp_path / "clip.mp4", codec))) as container:
        video = container.streams.video[0]
        decoder = Decoder(video.codec_context.name, bytes(video.codec_context.extradata or b""))
        for packet in container.demux(video):
            for frame in decoder.decode(packet) if packet.size else []:
                luma_of(frame), picture_of(frame), orientation(frame)
                del frame
                most = max(most, frames_in_memory())
    assert most - before <= 4  # the lists that decoders return, and PyAV's next frame


def test_footage_is_decoded_by_one_thread_and_files_by_two(tmp_path: Path) -> None:
    """Each thread of a decoder holds frames of its own, and a clip is decoded twice at once."""
    film = make_film(tmp_path / "film.mp4", frames=2)
    for opener, threads in ((film_of_pieces(lambda: iter([fragmented(film)]), "footage"), 1), (film_of(film), 2)):
        reader = opener()
        assert reader.video.codec_context.thread_count == threads
        reader.close()


def fragmented(film: Path) -> bytes:
    """The same video as a fragmented MP4."""
    target = film.with_suffix(".fragments.mp4")
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    with av.open(str(film)) as source, av.open(str(target), "w", options=options) as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = stream
                copy.mux(packet)
    return target.read_bytes()


def test_a_redactor_holds_the_frames_that_it_works_on_and_no_others(tmp_path: Path) -> None:
    film, before = make_film(tmp_path / "film.mp4", frames=90), frames_in_memory()
    held: list[int] = []
    counts = redactor(Bright(), threads=1).redact(
        film_of(film), tmp_path / "covered.mp4", progress=lambda _done, _all: held.append(frames_in_memory() - before)
    )
    assert counts.frames == len(held) == 90
    assert max(held) <= 12
    assert frames_in_memory() == before
