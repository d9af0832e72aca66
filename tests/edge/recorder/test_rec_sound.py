"""Sound: from a real camera's stream into segments and out again; what cannot be carried is left out."""

from __future__ import annotations

import io
import itertools
import random
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import structlog.testing
from edge_kit import TONE_RATE, make_clip, served, wait_until
from rec_kit import RATE, START_NS, Store, decoded, packets, real_store, stream

from common.clock import SECOND_NS, FakeClock, SystemClock
from common.errors import SettingsError, SourceLost
from common.running.backoff import Backoff
from common.settings_loader import loads
from demo.media_loop import load
from edge.media.audio_track import HOLE_NS, AudioClock, AudioFormat, EncodedAudio, SoundTrack
from edge.media.mp4_fragments import Fragment, Sample, build, parse
from edge.recorder.box_events import BoxEvents
from edge.recorder.factory import RecorderService
from edge.recorder.fakedisk import FakeDisk
from edge.recorder.footage.playback import Player
from edge.recorder.main_stream_reader import MainReader
from edge.recorder.recorder import Recorder
from edge.settings import node
from edge.settings.recorder import RecorderSettings
from edge.sources.base import NOBODY, AudioListener
from edge.sources.file import FileOpener
from edge.sources.rtsp import RtspOpener

VOICE = AudioFormat("cam-1", TONE_RATE, 1, bytes.fromhex("1588"))
FRAME_NS = 1024 * SECOND_NS // TONE_RATE


def recorded(
    folder: Path, clip: Path, parts: int, ear: Callable[[Recorder], AudioListener | None]
) -> tuple[Recorder, bytes]:
    """What a real camera's stream becomes, played."""
    writer, index, disk = real_store(folder / "store")
    recorder = Recorder(writer, SystemClock())
    stop = threading.Event()
    with served({"cam": load(clip, sound=True)}) as server:
        opener = RtspOpener(server.url("cam"), NOBODY, SystemClock(), ear(recorder))
        thread = threading.Thread(
            target=MainReader("cam", opener, recorder, Backoff(random.random), stop).run, daemon=True
        )
        recorder.start()
        thread.start()
        wait_until(lambda: writer.counts.fragments >= parts)
        stop.set()
        thread.join()
        recorder.stop()
    assert recorder.failures == recorder.queue.dropped == 0
    rows = index.find("cam", 0, 2**62)
    mp4 = b"".join(Player(disk, writer.keys.find, index).play("cam", rows[0].start_ns, rows[-1].end_ns))
    index.close()
    return recorder, mp4


def beeps(mp4: bytes) -> list[float]:
    """Seconds at which a beep begins."""
    found: list[float] = []
    quiet_s = -1.0
    with av.open(io.BytesIO(mp4), "r") as container:
        for frame in container.decode(audio=0):
            wave = frame.to_ndarray().astype(float).ravel()
            for at in np.flatnonzero(np.abs(wave) > 0.1 * max(1.0, float(np.abs(wave).max() > 2) * 32_768)):
                time_s = float(frame.time or 0) + at / frame.sample_rate
                if time_s - quiet_s > 0.3:
                    found.append(time_s)
                quiet_s = time_s
    return found


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_real_camera_s_sound_is_recorded_and_lies_where_it_belongs(tmp_path: Path, codec: str) -> None:
    clip = make_clip(tmp_path / "clip.mp4", codec, sound="aac")
    recorder, mp4 = recorded(tmp_path, clip, 5, lambda it: it.audio_listener("cam"))
    assert decoded(mp4) >= 4 * RATE
    heard = beeps(mp4)
    assert len(heard) >= 3
    steps = np.diff(heard)
    assert np.allclose(steps, 1, atol=0.15), heard
    first = heard[0] % 1  # a beep and a key frame begin each second of the clip
    assert min(first, 1 - first) < 0.35, heard
    assert recorder.writer.counts.audio_packets > 20
    assert recorder.unsupported_audio == 0


def test_a_muted_camera_is_recorded_without_sound(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", sound="aac")
    _, mp4 = recorded(tmp_path, clip, 3, lambda _: None)
    with av.open(io.BytesIO(mp4), "r") as container:
        assert len(container.streams.audio) == 0
    assert decoded(mp4) >= 2 * RATE


def test_g711_is_left_out_counted_and_said_once(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mov", sound="pcm_alaw")
    recorder, mp4 = recorded(tmp_path, clip, 3, lambda it: it.audio_listener("cam"))
    with av.open(io.BytesIO(mp4), "r") as container:
        assert len(container.streams.audio) == 0
    assert decoded(mp4) >= 2 * RATE
    assert recorder.unsupported_audio > 5
    structlog.reset_defaults()  # an earlier test may have raised the level
    with structlog.testing.capture_logs() as said:
        for codec in ("pcm_alaw", "pcm_mulaw", "pcm_mulaw"):
            recorder.report_unsupported_audio("cam", codec)
    assert [it["codec"] for it in said] == ["pcm_mulaw"]  # the first was said when the camera was connected


def test_a_file_s_sound_is_heard_too(tmp_path: Path) -> None:
    class Counting:
        def __init__(self) -> None:
            self.tracks: list[object] = []
            self.packets = 0

        def listen(self, track: av.AudioStream | None) -> None:
            self.tracks.append(track)

        def receive(self, packet: object) -> None:
            self.packets += 1

    ear = Counting()
    opened = FileOpener(str(make_clip(tmp_path / "a.mp4", sound="aac")), NOBODY, FakeClock(), ear).open()
    arrivals = opened.packets()
    assert sum(1 for _ in itertools.islice(arrivals, 4 * RATE)) == 4 * RATE
    with pytest.raises(SourceLost, match="ended"):
        next(arrivals)
    opened.close()
    assert len(ear.tracks) == 1
    assert ear.packets > 20
    silent = Counting()
    opened = FileOpener(str(make_clip(tmp_path / "b.mp4")), NOBODY, FakeClock(), silent).open()
    next(iter(opened.packets()))
    opened.close()
    assert silent.tracks == [None]


def aac(number: int, mono_ns: int) -> EncodedAudio:
    return EncodedAudio("cam-1", bytes([33, 16, number & 0xFF, 0]), number * FRAME_NS, FRAME_NS, mono_ns)


def test_sound_goes_on_over_segments_and_stops_with_the_pictures() -> None:
    store = Store(FakeDisk(random.Random(1)))
    store.writer.put_audio(VOICE)
    number = 0
    for item in stream(store.clock, 130):
        store.writer.feed(item)
        while number * FRAME_NS <= item.mono_ns:
            store.writer.put_audio(aac(number, item.mono_ns))
            number += 1
    store.writer.close()
    assert len(store.rows()) == 3
    for row in store.rows():
        reader = store.reader(row)
        numbers = [data for head in reader.fragment_headers[1:] for data in sequences(reader.read_fragment(head).data)]
        assert numbers == list(range(1, len(numbers) + 1))
    mp4 = b"".join(Player(store.disk, store.keys.find, store.index).play("cam-1", START_NS, START_NS + 100 * SECOND_NS))
    assert decoded(mp4) == pytest.approx(100 * RATE, abs=1)
    with av.open(io.BytesIO(mp4), "r") as container:
        track = container.streams.audio[0]
        assert (track.codec_context.name, track.codec_context.sample_rate) == ("aac", TONE_RATE)
        base = Fraction(track.time_base or 1)
        stamps = [float(it.dts * base) for it in container.demux(track) if it.dts is not None and it.size]
    assert len(stamps) == pytest.approx(100 * TONE_RATE / 1024, abs=3)
    assert np.allclose(np.diff(stamps), 1024 / TONE_RATE, atol=0.001)
    assert stamps[-1] < 100


def sequences(part: bytes) -> list[int]:
    """Numbers of the fragments in a part."""
    return [int.from_bytes(part[at + 16 : at + 20], "big") for at in range(len(part)) if part[at : at + 4] == b"moof"]


def test_a_connection_without_sound_is_recorded_silent_and_another_voice_is_not_mixed_in() -> None:
    store = Store(FakeDisk(random.Random(1)))
    for session, voice in enumerate(
        (VOICE, AudioFormat("cam-1"), AudioFormat("cam-1", 16_000, 1, bytes.fromhex("1408")), VOICE)
    ):
        store.writer.put_audio(voice)
        for count, item in enumerate(stream(store.clock, 10, session=session)):
            store.writer.feed(item)
            if count % 2 == 0:
                store.writer.put_audio(aac(count // 2, item.mono_ns))
    store.writer.close()
    assert len(store.rows()) == 4
    mp4 = b"".join(Player(store.disk, store.keys.find, store.index).play("cam-1", START_NS, START_NS + 40 * SECOND_NS))
    with av.open(io.BytesIO(mp4), "r") as container:
        track = container.streams.audio[0]
        base = Fraction(track.time_base or 1)
        stamps = [float(it.dts * base) for it in container.demux(track) if it.dts is not None and it.size]
    assert decoded(mp4) == pytest.approx(40 * RATE, abs=1)
    assert {int(stamp // 10) for stamp in stamps} == {0, 3}


@pytest.mark.parametrize(
    ("come_ms", "placed_ms"),
    [
        ([0, 20, 40], [0, 20, 40]),
        ([0, 420, 420], [0, 21, 42]),  # held up on the way: its stamps say when it was
        ([0, 20, 5_000], [0, 20, 5_000]),  # nothing for long: the stamps have jumped against the clock
    ],
)
def test_sound_lies_on_the_monotonic_clock_by_its_own_stamps(come_ms: list[int], placed_ms: list[int]) -> None:
    line = AudioClock()
    sounds = [EncodedAudio("c", b"x", n * 20_000_000, 20_000_000, ms * 1_000_000) for n, ms in enumerate(come_ms)]
    assert [line.place(it) // 1_000_000 for it in sounds] == pytest.approx(placed_ms, abs=2)


def test_stamps_that_are_unset_follow_one_another_and_a_drifting_clock_is_followed() -> None:
    line = AudioClock()
    unset = [EncodedAudio("c", b"x", None, 20_000_000, n * 20_000_000) for n in range(50)]
    assert [line.place(it) // 1_000_000 for it in unset] == [20 * n for n in range(50)]
    line = AudioClock()  # a camera whose clock runs 1 part in 1,000 slow, for an hour
    late_ns = max(
        abs(line.place(EncodedAudio("c", b"x", n * 64_000_000, 64_000_000, n * 64_064_000)) - n * 64_064_000)
        for n in range(56_000)
    )
    assert late_ns < HOLE_NS / 4


def test_a_hole_in_the_sound_is_kept_and_what_comes_before_the_segment_has_no_place() -> None:
    track = SoundTrack(VOICE, 10 * SECOND_NS)
    assert not track.add(aac(0, 0), 10 * SECOND_NS - HOLE_NS * 2)
    assert track.add(aac(1, 0), 10 * SECOND_NS)
    assert track.add(aac(2, 0), 10 * SECOND_NS + FRAME_NS + HOLE_NS // 2)
    assert track.add(aac(3, 0), 20 * SECOND_NS)
    assert not track.add(aac(4, 0), 11 * SECOND_NS)
    runs = [fragment for piece in track.take(7) for fragment in parse(piece)]
    assert [(it.start, len(it.samples)) for it in runs] == [(0, 2), (10 * TONE_RATE, 1)]
    assert track.take(9) == []


def test_a_fragment_is_what_was_put_into_it() -> None:
    samples = [Sample(3000, 2, 0x02000000, 0), Sample(3000, 3, 0x01010000, 6000), Sample(1, 1, 0x01010000, -3000)]
    before = Fragment(1, 1 << 40, samples, b"aabbbc")
    assert list(parse(build(before, 9))) == [before]


def test_only_cameras_of_this_box_can_be_muted(tmp_path: Path) -> None:
    assert RecorderSettings().mute == ()
    path = tmp_path / "box.yaml"
    text = 'site: s\nbox: b\nrecorder: {mute: [NAME]}\ncameras: [{id: cam-1, url: "rtsp://127.0.0.1/x"}]\n'
    path.write_text(text.replace("NAME", "cam-7"))
    with pytest.raises(SettingsError, match="mute names 'cam-7'"):
        node.load(path)
    path.write_text(text.replace("NAME", "cam-1"))
    assert node.load(path).recorder.mute == ("cam-1",)
    (tmp_path / "footage").mkdir()
    told = loads("{enabled: true, mute: [cam-1]}", RecorderSettings)
    footage = RecorderService(
        told, ["cam-1", "b"], tmp_path, "data", clock=FakeClock(), events=BoxEvents("box", lambda _event: None)
    )
    assert footage.audio_listener("cam-1") is None
    assert footage.audio_listener("b") is not None
    footage.store.index.close()
    assert packets()[0] == "h264"
