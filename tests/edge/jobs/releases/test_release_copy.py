"""A clear copy: what is in it, what is told of it, what is refused, and what is never on the disk."""

from __future__ import annotations

import hashlib
import json
import secrets
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rec_kit import RATE
from release_kit import FROM_NS, SITE_KEY, TO_NS, command, maker, opened, pictures, recorded

from common.clock import SECOND_NS
from common.errors import ContractError, FootageError, FootageRefused, RedactionError
from edge.jobs.releases.release_request import ReleaseRequest, order_of
from edge.jobs.releases.watermark import Watermarker
from edge.media.signed_manifest import verify
from edge.redaction.mask_renderer import FrameFormat
from protocol.event_types import FootageExported
from protocol.identifiers import to_rfc3339
from protocol.signing.chunked_aead import (
    CHUNK_BYTES,
    FILM,
    LONGEST_NS,
    MANIFEST,
    ChunkedDecryptor,
    ChunkedEncryptor,
    Secrets,
    opened_bytes,
)

GO = threading.Event()
ROOT = Path(__file__).resolve().parents[4]


def order(**changed: object) -> ReleaseRequest:
    return order_of(command(**changed), SITE_KEY)  # type: ignore[arg-type]


def pieces(clear: bytes) -> list[bytes]:
    """Parts of a clear text that chance does not put into an encrypted one; four bytes would be there now and then."""
    found = [clear[at : at + 16] for at in range(0, len(clear) - 16, 997)]
    assert len(found) > 20
    return found


def test_a_copy_is_the_footage_with_the_mark_and_says_so(tmp_path: Path) -> None:
    store = recorded(tmp_path / "footage")
    made, key = maker(store)
    asked = order()
    target = tmp_path / "out" / "copy.sealed"
    made.make(asked, target, GO)
    sealed = target.read_bytes()
    assert target.stat().st_mode & 0o077 == 0
    bundle = opened(sealed, b"k" * 32, asked.job)
    assert bundle.namelist() == [FILM, MANIFEST]
    assert bundle.testzip() is None
    film = bundle.read(FILM)
    assert not any(clear in sealed for clear in (*pieces(film), FILM.encode(), MANIFEST.encode()))
    shown = pictures(film)
    assert len(shown) == 37  # numbers 23 to 59: those from 1.5 s up to 4 s
    plain = pictures(b"".join(made.player.play("cam-1", FROM_NS, TO_NS)))
    skipped = 23 - RATE  # what is played begins at the key frame before
    marker = Watermarker(FrameFormat(320, 240, "yuv420p"), (asked.job, asked.case))
    for number in (0, len(shown) - 1):
        mark = marker.where(number / RATE) > 0
        differ = np.abs(shown[number].astype(int) - plain[number + skipped].astype(int))
        assert differ[mark].mean() > 40, "the mark cannot be seen"
        assert differ[~mark].mean() < 8, "the rest is not the footage"
    (tmp_path / FILM).write_bytes(film)
    (tmp_path / MANIFEST).write_bytes(bundle.read(MANIFEST))
    told = verify(tmp_path / FILM, tmp_path / MANIFEST, key.public_key().public_bytes_raw().hex())
    assert (told.who, told.case, told.camera) == ("li", "A-117", "cam-1")
    text = json.loads(json.loads(bundle.read(MANIFEST))["manifest"])
    span = [to_rfc3339(FROM_NS), to_rfc3339(TO_NS)]
    assert [text[key] for key in ("from", "to", "asked_from", "asked_to")] == [*span, *span]
    assert (text["approved_by"], text["release"]) == ("wang", asked.job)
    rows = store.rows()
    assert [it["sha256"] for it in text["segments"]] == [store.reader(row).sha256() for row in rows]
    assert all(it["wall_ns"] - it["mono_ns"] > 0 for it in text["segments"])


def test_the_script_of_the_documentation_checks_it(tmp_path: Path) -> None:
    made, key = maker(recorded(tmp_path / "footage"))
    asked = order()
    made.make(asked, tmp_path / "copy.sealed", GO)
    opened((tmp_path / "copy.sealed").read_bytes(), b"k" * 32, asked.job).extractall(tmp_path)
    page = (ROOT / "docs" / "features" / "recording.md").read_text()
    script = page.split("```python\n")[1].split("```")[0]
    words = [str(tmp_path / FILM), str(tmp_path / MANIFEST), key.public_key().public_bytes_raw().hex()]
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("good: cam-1")


def test_a_notice_with_both_names_is_left_before_the_first_picture(tmp_path: Path) -> None:
    store = recorded(tmp_path / "footage")
    made, _ = maker(store)
    asked = order()
    with pytest.raises(RedactionError):  # the target cannot be written
        made.make(asked, Path("/dev/null/copy"), GO)
    ((_, place, kind, body, _),) = store.index.outbox_entries()
    told = msgspec.json.decode(body, type=FootageExported)
    assert (place, kind, told.by) == ("cam-1", "footage.exported", "li")
    for part in (asked.job, "asked for by li", "approved by wang", "A-117: who broke the barrier"):
        assert part in told.reason


def test_nothing_clear_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every byte that is written to any file while a copy is made: none of it is a film."""
    (made, _), asked = maker(recorded(tmp_path / "footage")), order()
    written: list[bytes] = []
    real = ChunkedEncryptor.__init__

    class Watching:
        def __init__(self, target: object) -> None:
            self.target = target

        def write(self, data: bytes) -> int:
            written.append(bytes(data))
            return self.target.write(data)  # type: ignore[attr-defined, no-any-return]

    def init(self: ChunkedEncryptor, key: bytes, job: str, target: object, random: object) -> None:
        real(self, key, job, Watching(target), random)  # type: ignore[arg-type]

    monkeypatch.setattr(ChunkedEncryptor, "__init__", init)
    before = set(tmp_path.rglob("*"))
    made.make(asked, tmp_path / "copy.sealed", GO)
    assert {it for it in tmp_path.rglob("*") if it.is_file()} - before == {tmp_path / "copy.sealed"}
    assert (tmp_path / "copy.sealed").read_bytes() == b"".join(written)
    assert max(map(len, written)) <= CHUNK_BYTES + 16
    film = opened(b"".join(written), b"k" * 32, asked.job).read(FILM)
    assert not any(clear in b"".join(written) for clear in pieces(film))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"approved_by": "li"}, "two people"),
        ({"approved_by": "LI"}, "two people"),
        ({"approved_by": ""}, "names nobody"),
        ({"by": ""}, "names nobody"),
        ({"job": "../../etc"}, "no release's id"),
        ({"case": " "}, "case"),
        ({"to_ns": FROM_NS}, "an hour at most"),
        ({"to_ns": FROM_NS + LONGEST_NS + 1}, "an hour at most"),
    ],
)
def test_what_two_people_did_not_agree_to_is_refused(changed: dict[str, object], words: str) -> None:
    with pytest.raises(FootageRefused, match=words):
        order(**changed)


def test_a_ticket_of_another_site_or_job_is_refused() -> None:
    with pytest.raises(ContractError):
        order(site_key=b"x" * 32)
    other = command()
    with pytest.raises(ContractError):
        order_of(msgspec.structs.replace(command(), ticket=other.ticket), SITE_KEY)
    for wrong in ("no key here", "ticket.zz", ".00"):
        with pytest.raises(ContractError, match="no ticket with a key"):
            Secrets.parse(wrong)


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"target": "cam-9"}, "never recorded"), ({"from_ns": 5, "to_ns": SECOND_NS}, "no footage")],
)
def test_a_range_without_footage_is_refused(tmp_path: Path, changed: dict[str, object], words: str) -> None:
    store = recorded(tmp_path / "footage", 2.0)
    made, _ = maker(store)
    with pytest.raises(FootageError, match=words):
        made.make(order(**changed), tmp_path / "copy.sealed", GO)
    assert store.index.outbox_entries() == []
    assert not (tmp_path / "copy.sealed").exists()


def test_a_mark_moves_and_stands_in_every_part(tmp_path: Path) -> None:
    marker = Watermarker(FrameFormat(640, 360, "yuv420p"), ("0198c0de-0000-7000-8000-000000000001", "案件 A-117"))
    first = marker.where(0.0)
    assert not np.array_equal(first, marker.where(2.0))
    for seconds in (0.0, 7.0, 1234.5):
        mark = marker.where(seconds)
        assert all(part.any() for rows in np.array_split(mark, 3) for part in np.array_split(rows, 3, axis=1))
        assert (mark > 0).mean() < 0.4, "nothing can be seen for the mark"


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_sealing_comes_back_and_finds_every_change(size: int) -> None:
    key, plain = secrets.token_bytes(32), secrets.token_bytes(size)
    pieces: list[bytes] = []

    class Target:
        def write(self, data: bytes) -> int:
            pieces.append(data)
            return len(data)

    sealing = ChunkedEncryptor(key, "job", Target(), secrets.token_bytes)
    for at in range(0, size, 10_000):
        sealing.write(plain[at : at + 10_000])
    sealing.finish()
    sealed = b"".join(pieces)
    assert opened_bytes(len(sealed)) == size

    def back(data: bytes, key: bytes = key, job: str = "job") -> bytes:
        opening = ChunkedDecryptor(key, job)
        half = len(data) // 2
        return b"".join([*opening.add(data[:half]), *opening.add(data[half:]), opening.finish()])

    assert back(sealed) == plain
    flipped = bytearray(sealed)
    flipped[-1] ^= 1
    salted = bytearray(sealed)
    salted[20] ^= 1
    parts = [pieces[0], *pieces[2:], pieces[1]] if len(pieces) > 2 else [pieces[0]]
    for wrong in (bytes(flipped), bytes(salted), sealed[:-1], b"".join(pieces[:-1]), b"".join(parts), b"PF", b"x" * 99):
        with pytest.raises(ContractError):
            back(wrong)
    for wrong_key, wrong_job in ((secrets.token_bytes(32), "job"), (key, "another")):
        with pytest.raises(ContractError):
            back(sealed, wrong_key, wrong_job)


def test_a_second_try_is_sealed_anew(tmp_path: Path) -> None:
    made, _ = maker(recorded(tmp_path / "footage", 5.0))
    made.make(order(), tmp_path / "copy.sealed", GO)
    assert not zipfile.is_zipfile(tmp_path / "copy.sealed")
    digest = hashlib.sha256((tmp_path / "copy.sealed").read_bytes()).hexdigest()
    made.make(order(), tmp_path / "copy.sealed", GO)
    assert hashlib.sha256((tmp_path / "copy.sealed").read_bytes()).hexdigest() != digest


def test_a_full_disk_or_a_stop_leaves_nothing_behind(tmp_path: Path) -> None:
    made, _ = maker(recorded(tmp_path / "footage", 5.0))
    made.free = lambda _path: 100 << 20
    with pytest.raises(RedactionError, match="too little is free"):
        made.make(order(), tmp_path / "copy.sealed", GO)
    made.free = lambda _path: 1 << 40
    stop = threading.Event()
    stop.set()
    with pytest.raises(RedactionError, match="stopping"):
        made.make(order(), tmp_path / "copy.sealed", stop)
    assert not (tmp_path / "copy.sealed").exists()
    made.make(order(), tmp_path / "copy.sealed", GO)
