from __future__ import annotations

import io
import itertools
import random
import re
import subprocess
import sys
import tracemalloc
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from rec_kit import RATE, START_NS, Store, decoded, in_band, packets

from common.clock import SECOND_NS
from common.errors import FootageBroken, FootageError, FootageRefused, RedactionError
from edge.media.mp4_boxes import body_of, boxes, traks
from edge.media.redaction_statistics import Counts, UsedModel
from edge.media.signed_manifest import Manifest, signing_key, verify
from edge.recorder.fakedisk import FakeDisk
from edge.recorder.footage import transactional_outbox
from edge.recorder.footage.export import Exporter, ExportRequest
from edge.recorder.footage.playback import Player
from edge.redaction.encoder import Writable
from edge.redaction.two_pass_redactor import NOTHING, CopyOptions, Progress
from edge.redaction.video_reader import Opener, VideoFrame
from protocol.envelope import UnsequencedEvent
from protocol.event_types import FootageExported
from protocol.identifiers import from_rfc3339, to_rfc3339

DOCS = Path(__file__).resolve().parents[3] / "docs" / "features" / "recording.md"


@pytest.fixture
def store() -> Store:
    made = Store(FakeDisk(random.Random(1)))
    made.record(150)
    made.clock.advance(30)
    made.record(30, session=2)
    made.writer.close()
    return made


def player(store: Store) -> Player:
    return Player(store.disk, store.keys.find, store.index)


def at(seconds: float) -> int:
    return START_NS + round(seconds * SECOND_NS)


@pytest.mark.parametrize(
    ("start", "end", "pictures"),
    [(0, 150, 150 * RATE), (10, 20, 10 * RATE), (55, 65, 10 * RATE), (10.5, 12, 2 * RATE), (140, 200, 30 * RATE)],
)
def test_any_range_plays_as_one_file(store: Store, start: float, end: float, pictures: int) -> None:
    mp4 = b"".join(player(store).play("cam-1", at(start), at(end)))
    assert abs(decoded(mp4) - pictures) <= 1
    assert mp4.count(b"ftyp") == 1
    with av.open(io.BytesIO(mp4), "r") as container:
        stamps = [packet.dts for packet in container.demux(video=0) if packet.dts is not None]
    assert stamps == sorted(set(stamps))


def test_a_gap_stays_a_hole_in_the_time_of_the_file(store: Store) -> None:
    mp4 = b"".join(player(store).play("cam-1", at(140), at(200)))
    with av.open(io.BytesIO(mp4), "r") as container:
        video = container.streams.video[0]
        assert video.time_base is not None
        stamps = [float(packet.dts * video.time_base) for packet in container.demux(video) if packet.dts is not None]
    holes = [b - a for a, b in itertools.pairwise(stamps) if b - a > 1]
    assert holes == [pytest.approx(30 + 1 / RATE, abs=0.01)]


@pytest.mark.parametrize(
    ("camera", "start", "end", "said"),
    [
        ("cam-1", 20, 10, "empty"),
        ("cam-1", 10, 10, "empty"),
        ("cam-1", 0, 90_000, "24 hours"),
        ("cam-1", -(10**12), -(10**12) + 5, "outside of the valid years"),
        ("cam-1", 90_000, 90_010, "no footage in this range"),
        ("cam-9", 0, 10, "known: cam-1"),
    ],
)
def test_an_absurd_range_is_refused_with_a_reason(store: Store, camera: str, start: int, end: int, said: str) -> None:
    with pytest.raises(FootageError, match=said):
        list(player(store).play(camera, at(start), at(end)))


def test_a_damaged_segment_is_an_error_or_is_left_out_and_named(store: Store) -> None:
    first = store.rows()[0]
    data = bytearray(store.disk.read(first.path, 0, 1 << 30))
    data[5000] ^= 1
    store.disk.unlink(first.path)
    store.disk.create(first.path).write(bytes(data))
    with pytest.raises(FootageBroken, match="does not authenticate"):
        list(player(store).play("cam-1", at(0), at(100)))
    named: list[str] = []
    mp4 = b"".join(player(store).play("cam-1", at(0), at(100), lambda id_, _problem: named.append(id_)))
    assert named == [first.id]
    assert 98 * RATE < decoded(mp4) < 100 * RATE  # one part is missing, up to the next key frame
    whole = bytearray(data)
    whole[300] ^= 1
    store.disk.unlink(first.path)
    store.disk.create(first.path).write(bytes(whole))
    mp4 = b"".join(player(store).play("cam-1", at(0), at(100), lambda id_, _problem: named.append(id_)))
    assert decoded(mp4) == pytest.approx(40 * RATE, abs=1)  # nothing of it plays without its beginning


def test_footage_that_is_being_written_plays_up_to_its_last_part(store: Store) -> None:
    store.record(20, session=3)
    now = store.clock.now_ns
    mp4 = b"".join(player(store).play("cam-1", now - 10 * SECOND_NS, now))
    assert decoded(mp4) >= 8 * RATE


def shapes(mp4: bytes) -> list[tuple[int, int]]:
    """Sizes of the decoded pictures, each once in order."""
    with av.open(io.BytesIO(mp4), "r") as container:
        sizes = [(frame.width, frame.height) for frame in container.decode(video=0)]
    return [size for size, _ in itertools.groupby(sizes)]


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("bands", [False, True])
def test_a_range_over_changes_of_resolution_is_one_film(codec: str, bands: bool) -> None:
    store = Store(FakeDisk(random.Random(1)))
    sizes = [(64, 48), (96, 64), (64, 48), (128, 96)]
    for session, size in enumerate(sizes):
        clip = packets(codec, size)
        store.record(6, session=session, clip=in_band(clip) if bands else clip)
    store.writer.close()
    mp4 = b"".join(player(store).play("cam-1", at(2), at(22)))
    assert shapes(mp4) == sizes
    assert decoded(mp4) == pytest.approx(20 * RATE, abs=1)
    entries = body_of(traks(mp4)[b"vide"], b"mdia", b"minf", b"stbl", b"stsd")
    assert int.from_bytes(entries[4:8], "big") == 3  # one for each form, not for each segment
    named = [int.from_bytes(mp4[it.start() + 12 : it.start() + 16], "big") for it in re.finditer(b"tfhd", mp4)]
    assert [number for number, _ in itertools.groupby(named)] == [1, 2, 1, 3]
    parts = [body for kind, _, body in boxes(mp4) if kind == b"moof"]
    assert [int.from_bytes(body[12:16], "big") for body in parts] == list(range(1, len(parts) + 1))


def test_a_range_over_a_change_of_codec_says_when_so_that_two_can_be_asked_for(store: Store) -> None:
    changed_ns = store.clock.now_ns
    store.record(10, session=3, clip=packets("libx265"))
    store.writer.close()
    with pytest.raises(FootageError, match=r"from H\.264 to H\.265 at 20\S+Z") as refused:
        list(player(store).play("cam-1", at(170), at(230)))
    moment = from_rfc3339(re.findall(r"at (\S+Z)", str(refused.value))[0])
    assert abs(moment - changed_ns) < SECOND_NS
    with pytest.raises(FootageError, match=r"from H\.264"):
        player(store).check("cam-1", at(170), at(230))
    before = b"".join(player(store).play("cam-1", moment - 10 * SECOND_NS, moment))
    after = b"".join(player(store).play("cam-1", moment, moment + 10 * SECOND_NS))
    expected = pytest.approx(10 * RATE, abs=RATE + 1)  # from the key frame before
    assert [decoded(it) for it in (before, after)] == [expected, expected]


def test_an_hour_is_played_in_pieces_and_only_a_part_is_held() -> None:
    store = Store(FakeDisk(random.Random(1)))
    store.record(3600)
    store.writer.close()
    sizes = [head.size for row in store.rows() for head in store.reader(row).fragment_headers]
    pieces = [len(piece) for piece in player(store).play("cam-1", at(0), at(3600))]
    assert len(pieces) >= 3600
    assert max(pieces) < max(sizes) + 1000
    tracemalloc.start()
    for _ in player(store).play("cam-1", at(0), at(3600)):
        continue
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < sum(sizes) / 4, (peak, sum(sizes))


class Marking:
    """A redactor that covers nothing and says so: the fake beside the protocol."""

    name = "fake, for tests"
    models = (UsedModel("none", "00"),)
    skipped = Fraction(-1)

    def redact(
        self, opener: Opener, target: Path | Writable, *, sound: bool = False, progress: Progress | None = None,
        copy_options: CopyOptions = NOTHING,
    ) -> Counts:  # fmt: skip
        film = opener()
        self.skipped = copy_options.skip_s
        assert isinstance(target, Path)
        target.write_bytes(b"fake")
        counts = Counts(frames=sum(isinstance(it, VideoFrame) for it in film.shots()))
        film.close()
        return counts


class Failing(Marking):
    def redact(
        self, opener: Opener, target: Path | Writable, *, sound: bool = False, progress: Progress | None = None,
        copy_options: CopyOptions = NOTHING,
    ) -> Counts:  # fmt: skip
        opener().close()
        raise RedactionError("could not be blurred")


def exporter(store: Store, folder: Path, redactor: Marking | None) -> Exporter:
    return Exporter(player(store), store.index, store.clock, signing_key(folder / "signing.key"), redactor)


ASKED = ExportRequest("cam-1", at(140), at(200), "chief", "theft of a bicycle", "2026-17")


def test_without_a_redactor_there_is_no_export(store: Store, tmp_path: Path) -> None:
    with pytest.raises(FootageRefused, match="only a redacted copy"):
        exporter(store, tmp_path, None).export(ASKED, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("name", ["who", "why", "case"])
def test_an_export_says_who_why_and_under_which_case(store: Store, tmp_path: Path, name: str) -> None:
    import dataclasses

    changed: dict[str, Any] = {name: " "}
    asked = dataclasses.replace(ASKED, **changed)
    with pytest.raises(FootageRefused, match=f"--{name}"):
        exporter(store, tmp_path, Marking()).export(asked, tmp_path / "out.mp4")


def test_an_export_that_fails_leaves_no_file(store: Store, tmp_path: Path) -> None:
    with pytest.raises(RedactionError, match="could not be blurred"):
        exporter(store, tmp_path, Failing()).export(ASKED, tmp_path / "out.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["signing.key"]


def test_an_export_leaves_its_notice_first_and_without_it_there_is_none(store: Store, tmp_path: Path) -> None:
    exporter(store, tmp_path, Marking()).export(ASKED, tmp_path / "out.mp4")
    told: list[UnsequencedEvent] = []
    assert transactional_outbox.drain(store.index, told.append) == 1
    assert [(it.place, it.kind, it.time_ns) for it in told] == [("cam-1", "footage.exported", store.clock.now_ns)]
    assert told[0].data == FootageExported(
        from_=to_rfc3339(ASKED.from_ns), to=to_rfc3339(ASKED.to_ns), reason="2026-17: theft of a bicycle", by="chief"
    )
    store.index._db.execute("DROP TABLE notices")
    with pytest.raises(FootageError, match="cannot be written"):
        exporter(store, tmp_path, Marking()).export(ASKED, tmp_path / "second.mp4")
    assert not list(tmp_path.glob("second*"))


@pytest.fixture
def exported(store: Store, tmp_path: Path) -> tuple[Path, Path]:
    target = tmp_path / "out.mp4"
    return target, exporter(store, tmp_path, Marking()).export(ASKED, target)


def test_a_manifest_names_segments_gaps_and_reason_and_verifies(exported: tuple[Path, Path], tmp_path: Path) -> None:
    target, beside = exported
    public = signing_key(tmp_path / "signing.key").public_key().public_bytes_raw().hex()
    told = verify(target, beside, public)
    assert isinstance(told, Manifest)
    assert (told.who, told.why, told.case, told.camera) == ("chief", "theft of a bicycle", "2026-17", "cam-1")
    assert [(gap.cause, round(gap.seconds)) for gap in told.gaps] == [("camera lost", 30)]
    assert len(told.segments) == 2
    assert told.redaction == "fake, for tests"
    assert told.models == [UsedModel("none", "00")]
    assert told.counts.frames >= 30 * RATE
    assert (tmp_path / "signing.key").stat().st_mode & 0o777 == 0o600


def test_a_changed_file_manifest_or_key_does_not_verify(exported: tuple[Path, Path], tmp_path: Path) -> None:
    target, beside = exported
    with pytest.raises(FootageError, match="another box"):
        verify(target, beside, "00" * 32)
    text = beside.read_text()
    beside.write_text(text.replace("bicycle", "tricycle"))
    with pytest.raises(FootageError, match="signature is wrong"):
        verify(target, beside, None)
    beside.write_text("{}")
    with pytest.raises(FootageError, match="not a manifest"):
        verify(target, beside, None)
    beside.write_text(text)
    target.write_bytes(target.read_bytes() + b"x")
    with pytest.raises(FootageError, match="not the ones that were exported"):
        verify(target, beside, None)
    with pytest.raises(FootageError, match="cannot be read"):
        verify(tmp_path / "nothing.mp4", beside, None)
    with pytest.raises(FootageError, match="cannot be read"):
        verify(target, tmp_path / "nothing.json", None)


def test_the_documented_script_checks_an_export_without_us(exported: tuple[Path, Path], tmp_path: Path) -> None:
    target, beside = exported
    text = DOCS.read_text(encoding="utf-8")
    script = text.split("```python\n")[1].split("```")[0]
    assert len(script.splitlines()) <= 20
    (tmp_path / "check.py").write_text(script)
    public = signing_key(tmp_path / "signing.key").public_key().public_bytes_raw().hex()
    command = [sys.executable, str(tmp_path / "check.py"), str(target), str(beside), public]
    good = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert good.returncode == 0, good.stderr
    assert "good" in good.stdout
    target.write_bytes(b"another")
    assert subprocess.run(command, capture_output=True, check=False, cwd=tmp_path).returncode != 0
    assert subprocess.run([*command[:-1], "00" * 32], capture_output=True, check=False, cwd=tmp_path).returncode != 0


def test_a_signing_key_that_others_can_read_or_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    path.write_bytes(b"short")
    path.chmod(0o600)
    with pytest.raises(FootageError, match="not a signing key"):
        signing_key(path)
    path.chmod(0o644)
    with pytest.raises(FootageError, match="chmod 600"):
        signing_key(path)


@pytest.mark.parametrize(("from_s", "to_s"), [(140.7, 149.2), (10.0, 11.0), (0.3, 0.9)])
def test_a_manifest_says_where_the_film_begins_and_ends_and_what_was_asked_for(
    store: Store, tmp_path: Path, from_s: float, to_s: float
) -> None:
    asked = ExportRequest("cam-1", at(from_s), at(to_s), "chief", "theft of a bicycle", "2026-17")
    target = tmp_path / "out.mp4"
    redactor = Marking()
    told = verify(target, exporter(store, tmp_path, redactor).export(asked, target), None)
    assert (told.asked_from, told.asked_to) == (to_rfc3339(asked.from_ns), to_rfc3339(asked.to_ns))
    assert (from_rfc3339(told.from_), from_rfc3339(told.to)) == (asked.from_ns, asked.to_ns)
    skipped_ns = round(redactor.skipped * SECOND_NS)
    assert 0 <= skipped_ns <= 1.1 * SECOND_NS, "from the key frame before it"
    film = b"".join(player(store).play("cam-1", asked.from_ns, asked.to_ns))
    whole_s = (asked.to_ns - asked.from_ns + skipped_ns) / SECOND_NS
    assert decoded(film) / RATE == pytest.approx(whole_s, abs=1.1 / RATE)


def test_a_range_that_reaches_beyond_the_footage_says_what_there_is(store: Store, tmp_path: Path) -> None:
    rows = store.rows()
    asked = ExportRequest("cam-1", at(0) - 60 * SECOND_NS, at(9_000), "chief", "theft of a bicycle", "2026-17")
    target = tmp_path / "out.mp4"
    told = verify(target, exporter(store, tmp_path, Marking()).export(asked, target), None)
    assert from_rfc3339(told.from_) == rows[0].start_ns
    assert from_rfc3339(told.to) == rows[-1].end_ns
