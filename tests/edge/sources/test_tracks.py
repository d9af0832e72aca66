"""Video and sound are found whatever the order, number and kind of the tracks: cameras, recorder, exports, files."""

from __future__ import annotations

import dataclasses
import io
import random
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from edge_kit import make_clip, served, wait_until
from rec_kit import real_store
from redaction_kit import Bright, redactor, scene

from common.clock import SystemClock
from common.errors import RedactionError
from common.running.backoff import Backoff
from demo.media_loop import Clip, load
from demo.rtsp_server.audio_rtp import ClipSound, sound_of
from edge.recorder.footage.playback import Player
from edge.recorder.main_stream_reader import MainReader
from edge.recorder.recorder import Recorder
from edge.redaction.video_reader import film_of
from edge.sources.base import NOBODY, AudioPacket
from edge.sources.file import FileOpener
from edge.sources.rtsp import RtspOpener

ORDERS = [
    ("aac", "video"),
    ("video", "aac"),
    ("meta", "aac", "video"),
    ("alaw", "aac", "video"),
    ("alaw", "meta", "video", "aac"),
    ("aac", "video", "alaw"),
    ("aac", "meta", "aac2", "video"),
    ("video", "aac2", "aac"),
]


class Counting:
    """An ear that counts."""

    def __init__(self) -> None:
        self.codec, self.rate, self.packets = "", 0, 0

    def listen(self, track: av.AudioStream | None) -> None:
        if track is not None:
            self.codec, self.rate = track.codec_context.name, track.codec_context.sample_rate

    def receive(self, packet: AudioPacket) -> None:
        self.packets += 1


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clip, dict[str, ClipSound]]:
    folder = tmp_path_factory.mktemp("tracks")
    clip = load(make_clip(folder / "clip.mp4", seconds=2, sound="aac"), sound=True)
    alaw = sound_of(str(make_clip(folder / "clip.mov", seconds=2, sound="pcm_alaw")))
    assert clip.sound is not None
    assert alaw is not None
    return clip, {"aac": clip.sound, "alaw": alaw, "aac2": clip.sound}


def arranged(tracks: tuple[Clip, dict[str, ClipSound]], order: tuple[str, ...]) -> Clip:
    """The clip with its tracks in an order."""
    clip, sounds = tracks
    names = [it for it in order if it in sounds]
    called = {name: f"audio{number or ''}" for number, name in enumerate(names)}
    first, *more = (sounds[name] for name in names)
    return dataclasses.replace(clip, sound=first, more=tuple(more), order=tuple(called.get(it, it) for it in order))


@pytest.mark.parametrize("order", ORDERS)
def test_a_camera_s_pictures_and_sound_are_read_in_any_order(
    tracks: tuple[Clip, dict[str, ClipSound]], order: tuple[str, ...]
) -> None:
    ear = Counting()
    with served({"cam": arranged(tracks, order)}) as server:
        stream = RtspOpener(server.url("cam"), NOBODY, SystemClock(), ear).open()
        arrivals = stream.packets()
        pictures = [next(arrivals).packet for _ in range(30)]
        stream.close()
    assert stream.codec == "h264"
    assert any(it.is_keyframe for it in pictures)
    assert (ear.codec, ear.packets > 5) == ("aac", True)


@pytest.mark.parametrize("order", [ORDERS[4], ORDERS[6]])
def test_a_camera_is_recorded_with_its_sound(
    tracks: tuple[Clip, dict[str, ClipSound]], order: tuple[str, ...], tmp_path: Path
) -> None:
    writer, index, disk = real_store(tmp_path / "store")
    recorder, stop = Recorder(writer, SystemClock()), threading.Event()
    with served({"cam": arranged(tracks, order)}) as server:
        opener = RtspOpener(server.url("cam"), NOBODY, SystemClock(), recorder.audio_listener("cam"))
        reader = MainReader("cam", opener, recorder, Backoff(random.random), stop)
        thread = threading.Thread(target=reader.run, daemon=True)
        recorder.start()
        thread.start()
        wait_until(lambda: writer.counts.fragments >= 3)
        stop.set()
        thread.join()
        recorder.stop()
    rows = index.find("cam", 0, 2**62)
    mp4 = b"".join(Player(disk, writer.keys.find, index).play("cam", rows[0].start_ns, rows[-1].end_ns))
    index.close()
    with av.open(io.BytesIO(mp4), "r") as container:
        assert [it.codec_context.name for it in container.streams.audio] == ["aac"]
        assert sum(1 for it in container.demux(audio=0) if it.size) > 5


FILES = {
    "sound first": ("aac", "video"),
    "unknown sound first": ("pcm_s16le", "aac", "video"),
    "two sounds": ("video", "aac", "mp3"),
    "sound on both sides": ("aac", "video", "pcm_s16le"),
}


def make(path: Path, order: tuple[str, ...]) -> Path:
    """A file with tracks in an order; the aac has 16,000 samples a second, other sound 48,000."""
    with av.open(str(path), "w") as out:
        made = {name: _track(out, name) for name in order}
        for number in range(24):
            for name, track in made.items():
                if isinstance(track, av.VideoStream) and (name == "video" or not number):
                    _picture(out, track, number)
                elif isinstance(track, av.AudioStream):
                    _second(out, track, number)
        for track in made.values():
            if isinstance(track, av.VideoStream | av.AudioStream):
                out.mux(track.encode(None))
    return path


def _track(out: av.container.OutputContainer, name: str) -> av.stream.Stream:
    if name in ("video", "cover"):
        stream = out.add_stream("libx264" if name == "video" else "mjpeg", rate=12)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p" if name == "video" else "yuvj420p"
        if name == "cover":
            stream.disposition = av.stream.Disposition.attached_pic
        return stream
    return out.add_stream({"mp3": "libmp3lame"}.get(name, name), rate=16_000 if name == "aac" else 48_000)


def _picture(out: av.container.OutputContainer, track: av.VideoStream, number: int) -> None:
    frame = av.VideoFrame.from_ndarray(scene(number), format="bgr24").reformat(format=track.pix_fmt)
    frame.pts, frame.time_base = number, Fraction(1, 12)
    out.mux(track.encode(frame))


def _second(out: av.container.OutputContainer, track: av.AudioStream, number: int) -> None:
    """A twelfth of a second of silence."""
    rate = track.codec_context.sample_rate
    frame = av.AudioFrame.from_ndarray(np.zeros((1, rate // 12), np.int16), format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = rate, number * (rate // 12), Fraction(1, rate)
    for fit in av.AudioResampler(track.codec_context.format, track.codec_context.layout, rate).resample(frame):
        out.mux(track.encode(fit))


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_covered_with_the_sound_that_can_be_kept(tmp_path: Path, name: str) -> None:
    source = make(tmp_path / "in.mkv", FILES[name])
    counts = redactor(Bright()).redact(film_of(source), tmp_path / "out.mp4", sound=True)
    assert (counts.frames, counts.black) == (24, 0)
    with av.open(str(tmp_path / "out.mp4")) as container:
        (track,) = container.streams.audio
        assert (track.codec_context.name, track.codec_context.sample_rate) == ("aac", 16_000)
        assert sum(1 for it in container.demux(track) if it.size) > 15


def test_a_file_whose_sound_cannot_be_kept_says_so(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mkv", ("pcm_s16le", "video"))
    with pytest.raises(RedactionError, match="its sound is pcm_s16le"):
        redactor(Bright()).redact(film_of(source), tmp_path / "out.mp4", sound=True)
    assert redactor(Bright()).redact(film_of(source), tmp_path / "out.mp4").frames == 24


def test_a_cover_alone_is_no_video(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", ("cover", "aac"))
    with pytest.raises(RedactionError, match="there is no video in it"):
        redactor(Bright()).redact(film_of(source), tmp_path / "out.mp4")


def test_a_cover_beside_the_video_is_passed_over(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", ("cover", "aac", "video"))
    assert redactor(Bright()).redact(film_of(source), tmp_path / "out.mp4").frames == 24


def test_a_video_of_another_kind_before_it_is_passed_over(tmp_path: Path) -> None:
    stream = FileOpener(str(make(tmp_path / "in.mkv", ("cover", "aac", "video"))), NOBODY, SystemClock()).open()
    assert stream.codec == "h264"
    stream.close()


@pytest.mark.parametrize("name", FILES)
def test_a_file_as_a_camera_gives_its_video_and_its_sound(tmp_path: Path, name: str) -> None:
    ear = Counting()
    stream = FileOpener(str(make(tmp_path / "in.mkv", FILES[name])), NOBODY, SystemClock(), ear).open()
    arrivals = stream.packets()
    assert all(next(arrivals).packet.size for _ in range(20))
    stream.close()
    assert (stream.codec, ear.codec) == ("h264", "aac")


def test_a_transport_stream_with_its_sound_first(tmp_path: Path) -> None:
    source = make(tmp_path / "in.ts", ("aac", "video"))
    counts = redactor(Bright()).redact(film_of(source), tmp_path / "out.mp4", sound=True)
    assert counts.frames == 24
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert len(list(container.decode(audio=0))) > 15
