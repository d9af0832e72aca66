"""`paifang footage` on footage that a running recorder made; and what may never be called."""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from edge_kit import wait_until
from model_kit import obtain
from rec_kit import packets

from common.clock import FakeClock
from common.errors import SettingsError
from edge.media.signed_manifest import signing_key
from edge.recorder.box_events import BoxEvents
from edge.recorder.factory import RecorderService, policies
from edge.recorder.footage import transactional_outbox
from edge.recorder.index import Index
from edge.recorder.segments.segment_recorder import SEGMENT_NS
from edge.recorder.segments.timeline import RecordedPacket
from edge.settings import node as config
from edge.settings.recorder import KeepSettings, RecorderSettings
from models.files.store import ModelStore
from paifang import cli
from protocol.envelope import UnsequencedEvent
from protocol.event_types import FootageErased, FootageExported, FootageHeld
from protocol.identifiers import from_rfc3339, to_rfc3339

ROOT = Path(__file__).resolve().parents[3]
BOX = """
site: village
box: gate-1
recorder: {{enabled: {enabled}, folder: disk, floor_days: 2, ceiling_days: 90}}
cameras:
  - {{id: cam-1, url: "rtsp://127.0.0.1/none"}}
"""
LATER_DAYS = 5


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """Settings of a box that recorded 70 seconds some days ago, and the same today."""
    path = tmp_path / "box.yaml"
    path.write_text(BOX.format(enabled="true"))
    (tmp_path / "disk").mkdir()
    told = config.load(path)
    for days in (LATER_DAYS, 0):
        clock = FakeClock(now_ns=time.time_ns() - days * 86_400 * 10**9 - 200 * 10**9)
        sent: list[UnsequencedEvent] = []
        footage = RecorderService(
            told.recorder, ["cam-1"], tmp_path, told.data, clock=clock, events=BoxEvents("gate-1", sent.append)
        )
        footage.start()
        wait_until(partial(getattr, footage.writer, "ready"))
        for item in items(clock):
            footage.recorder.queue.put(item)
        footage.stop()
        assert footage.recorder.failures == 0
    return path


def items(clock: FakeClock) -> list[RecordedPacket]:
    from rec_kit import stream

    return list(stream(clock, SEGMENT_NS / 1e9 + 10, clip=packets()))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*words: object) -> tuple[int, str, str]:
        code = cli.main(["--log-level", "error", "footage", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


Run = Callable[..., tuple[int, str, str]]


def day_of(days_ago: int) -> str:
    return f"{datetime.fromtimestamp(time.time() - days_ago * 86_400 - 200, UTC):%Y-%m-%d}"


def test_list_tells_days_and_gaps(box: Path, run: Run) -> None:
    code, out, _ = run("list", box, "--json")
    assert code == 0
    rows = [json.loads(line) for line in out.splitlines()]
    assert sum(row["segments"] for row in rows) in (4, 5)
    assert {row["camera"] for row in rows} == {"cam-1"}
    assert "box down" in out
    assert run("list", box, "--camera", "cam-9")[1] == ""
    assert "cam-1" in run("list", box)[1]


def test_list_tells_what_is_missing_now(box: Path, run: Run) -> None:
    rows = [json.loads(line) for line in run("list", box, "--json")[1].splitlines()]
    still = [(row["day"], gap) for row in rows for gap in row["gaps"] if gap["to"] is None]
    assert len(still) == 1
    day, gap = still[0]
    assert day == max(row["day"] for row in rows)
    assert gap["from"] == rows[-1]["to"]
    assert 60 < gap["seconds"] < 3600
    assert "down" in gap["cause"]
    assert "and not over" in run("list", box)[1].splitlines()[-1]


def test_key_prints_what_checks_the_box_s_exports(box: Path, run: Run) -> None:
    code, out, _ = run("key", box)
    assert code == 0
    assert out.strip() == signing_key(box.parent / "data" / "signing.key").public_key().public_bytes_raw().hex()
    assert run("key", box)[1] == out


def left(box: Path) -> list[UnsequencedEvent]:
    """What the box will tell of, as it takes it from the index."""
    index, found = Index(box.parent / "data" / "footage.sqlite3"), list[UnsequencedEvent]()
    transactional_outbox.drain(index, found.append)
    index.close()
    return found


def test_an_export_says_who_and_why_and_there_is_no_clear_one(box: Path, run: Run, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        run("export", box, tmp_path / "out.mp4", "--camera", "cam-1")
    assert left.value.code == 2
    with pytest.raises(SystemExit):
        run("export", box, tmp_path / "out.mp4", "--clear")
    words = ["--camera", "cam-9", "--who", "chief", "--why", "theft", "--case", "2026-17"]
    times = ["--from", "2026-11-20T08:00:00Z", "--to", "2026-11-20T08:01:00Z"]
    code, _, problem = run("export", box, tmp_path / "out.mp4", *words, *times)
    assert code == 1
    assert "known: cam-1" in problem
    assert "not a time" in run("export", box, tmp_path / "out.mp4", *words, "--from", "today", "--to", "now")[2]


def test_an_export_is_covered_signed_and_verified(box: Path, run: Run, tmp_path: Path, model_store: ModelStore) -> None:
    obtain(model_store, "faces-to-blur", "plate-find")
    box.write_text(box.read_text() + f"models: {model_store.folder}\n")
    (row,) = [json.loads(line) for line in run("list", box, "--json")[1].splitlines()][-1:]
    start_ns = from_rfc3339(row["to"]) - 30 * 10**9
    out = tmp_path / "out.mp4"
    words = ["--camera", "cam-1", "--who", "chief", "--why", "theft", "--case", "2026-17", "--json"]
    words += ["--from", to_rfc3339(start_ns), "--to", to_rfc3339(start_ns + 5 * 10**9)]
    code, said, problem = run("export", box, out, *words)
    assert (code, problem) == (0, "")
    told = json.loads(said)
    assert told["counts"]["frames"] >= 4 * 15
    assert told["counts"]["black"] == 0
    code, said, _ = run("verify", out, told["manifest"])
    assert code == 0
    assert "case 2026-17" in said
    (notice,) = left(box)
    assert notice.data == FootageExported(
        from_=to_rfc3339(start_ns), to=to_rfc3339(start_ns + 5 * 10**9), reason="2026-17: theft", by="chief"
    )
    manifest = json.loads(json.loads(Path(told["manifest"]).read_text())["manifest"])
    assert manifest["sound"] is False
    assert [it["name"] for it in manifest["models"]] == obtain(model_store, "faces-to-blur", "plate-find")
    assert manifest["sha256"] == told["sha256"]
    assert "is there already" in run("export", box, out, *words)[2]
    out.write_bytes(out.read_bytes()[:-1] + b"x")
    assert "not the ones that were exported" in run("verify", out, told["manifest"])[2]


def test_a_hold_is_placed_listed_and_keeps_from_erasing(box: Path, run: Run) -> None:
    day = day_of(LATER_DAYS)
    words = ["hold", box, "--camera", "cam-1", "--from", f"{day}T00:00:00Z", "--to", f"{day}T23:59:59Z"]
    words += ["--owner", "chief", "--reason", "theft", "--case", "2026-17"]
    code, _, problem = run(*words, "--until", "2020-01-01T00:00:00Z")
    assert code == 1
    assert "in the past" in problem
    assert "not a time such as" in run(*words, "--until", "tomorrow")[2]
    until = f"{datetime.fromtimestamp(time.time() + 86_400, UTC):%Y-%m-%dT%H:%M:%SZ}"
    assert run(*words, "--until", until)[0] == 0
    (notice,) = left(box)
    assert notice.data == FootageHeld(
        from_=f"{day}T00:00:00.000000000Z", to=f"{day}T23:59:59.000000000Z", cause="2026-17: theft", by="chief",
        change="placed",
    )  # fmt: skip
    held = [json.loads(line) for line in run("list", box, "--json")[1].splitlines()]
    assert ["2026-17"] in [row["holds"] for row in held]
    code, _, problem = run("erase", box, "--camera", "cam-1", "--day", day, "--reason", "asked")
    assert code == 1
    assert "hold" in problem
    ((number,),) = [row["hold_ids"] for row in held if row["holds"]]
    assert "no such hold" in run("end-hold", box, "--hold", "../x", "--by", "chief", "--reason", "handed over")[2]
    assert "--reason" in run("end-hold", box, "--hold", number, "--by", "chief", "--reason", " ")[2]
    assert run("end-hold", box, "--hold", number, "--by", "chief", "--reason", "handed over")[0] == 0
    assert [it.data.change for it in left(box) if isinstance(it.data, FootageHeld)] == ["ended_early"]
    assert run("erase", box, "--camera", "cam-1", "--day", day, "--reason", "asked")[0] == 0


def test_erase_takes_a_day_past_its_floor_and_refuses_the_others(box: Path, run: Run) -> None:
    erase = ["erase", box, "--camera", "cam-1", "--reason", "asked", "--day"]
    assert "inside its floor" in run(*erase, day_of(0))[2]
    code, out, _ = run(*erase, day_of(LATER_DAYS))
    assert code == 0
    assert out.startswith("erased: ")
    (notice,) = left(box)
    assert isinstance(notice.data, FootageErased)
    assert (notice.place, notice.data.cause) == ("cam-1", "by hand: asked")
    assert "no footage of that day" in run(*erase, day_of(LATER_DAYS))[2]
    assert "not a time" in run(*erase, "yesterday")[2]


def test_a_box_that_records_nothing_or_whose_disk_is_gone_says_so(box: Path, run: Run) -> None:
    (box.parent / "disk" / "disk.id").unlink()
    assert "is it mounted?" in run("list", box)[2]
    box.write_text(BOX.format(enabled="false"))
    code, _, problem = run("list", box)
    assert code == 2
    assert "recorder.enabled" in problem


def test_verify_needs_files(tmp_path: Path, run: Run) -> None:
    code, _, problem = run("verify", tmp_path / "a.mp4", tmp_path / "a.json")
    assert code == 1
    assert "cannot be read" in problem


def test_priorities_of_unknown_cameras_are_refused(box: Path) -> None:
    box.write_text(BOX.format(enabled="true, priorities: {cam-7: 1}"))
    with pytest.raises(SettingsError, match="cam-7"):
        config.load(box)
    told = RecorderSettings(priorities={"b": 3})
    assert [(it.priority, it.order) for it in policies(told, ["a", "b"]).values()] == [(0, 0), (3, 1)]


def test_a_camera_may_have_a_floor_and_ceiling_of_its_own(box: Path) -> None:
    told = RecorderSettings(keep={"b": KeepSettings(floor_days=10, ceiling_days=60)})
    assert [(it.floor_days, it.ceiling_days) for it in policies(told, ["a", "b"]).values()] == [(30, 30), (10, 60)]
    for keep, problem in (
        ("{cam-7: {floor_days: 1}}", "keep names 'cam-7'"),
        ("{cam-1: {floor_days: 91}}", r"keep\.cam-1\.ceiling_days is 90"),
        ("{cam-1: {ceiling_days: 91}}", r"keep\.cam-1\.ceiling_days above 90 needs ceiling_reason"),
    ):
        box.write_text(BOX.format(enabled=f"true, keep: {keep}"))
        with pytest.raises(SettingsError, match=problem):
            config.load(box)


def called(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }


def test_clear_footage_is_joined_for_the_export_s_redactor_alone_and_only_covered_frames_are_encoded() -> None:
    files = sorted((ROOT / "edge").rglob("*.py"))
    playing = {str(path.relative_to(ROOT)) for path in files if "play" in called(path)}
    assert playing == {
        "edge/recorder/footage/export.py",
        "edge/recorder/footage/query_handler.py",  # stills, see test_rec_looks.py
        "edge/jobs/clips/handler.py",  # into the redactor
        "edge/jobs/live/recorded_stream.py",  # into a redacted view: test_live_playback.py
        "edge/jobs/releases/release_builder.py",  # what two people agreed to: tests/test_privacy.py
    }
    copying = {
        str(path.relative_to(ROOT)) for path in files if {"mux", "mux_one", "add_stream_from_template"} & called(path)
    }
    assert copying == {"edge/recorder/segments/mux.py", "edge/redaction/encoder.py"}
    encoding = {str(path.relative_to(ROOT)) for path in files if "add_stream" in called(path)}
    assert encoding == {
        "edge/redaction/encoder.py",
    }  # covered, marked: tests/test_privacy.py
