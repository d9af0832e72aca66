"""`paifang edge check` and `replay`: exit codes, and messages that name what to do."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction
from pathlib import Path

import av
import pytest

from demo import sample_clips
from demo.cli import clip_folders
from models.files.store import ModelStore
from paifang.cli import main

BOX = """
site: village
box: gate-1
models: {models}
cameras:
  - id: yard
    url: rtsp://10.0.0.5/main
    zones:
      - name: all
        polygon: [[0.02, 0.02], [0.98, 0.02], [0.98, 0.98], [0.02, 0.98]]
"""


def settings(folder: Path, models: object, **changes: str) -> str:
    text = BOX.format(models=models)
    for old, new in changes.items():
        text = text.replace(old, new)
    path = folder / "box.yaml"
    path.write_text(text)
    return str(path)


@pytest.fixture(scope="module")
def models(model_store: ModelStore) -> ModelStore:
    for task in ("objects", "faces-to-blur", "plate-find"):
        model_store.ensure(task)
    return model_store


def test_good_settings_and_models_are_good(
    tmp_path: Path, models: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["edge", "check", settings(tmp_path, models.folder)]) == 0
    assert "good" in capsys.readouterr().out


def test_wrong_settings_are_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["edge", "check", settings(tmp_path, "m", polygon="poligon")]) == 2
    told = capsys.readouterr().err
    assert "box.yaml:10" in told
    assert "did you mean 'polygon'" in told


@pytest.mark.parametrize("word", ["check", "run"])
def test_a_missing_model_starts_nothing_and_says_how_to_fetch_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    assert main(["edge", word, settings(tmp_path, tmp_path / "nothing")]) == 1
    assert "paifang models fetch" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_replay_of_an_unknown_camera_names_the_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["edge", "replay", settings(tmp_path, "m"), "--camera", "yrad", "x.mp4"]
    assert main(words) == 2
    assert "known: yard" in capsys.readouterr().err


def test_replay_of_what_is_no_video_fails(
    tmp_path: Path, models: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.mp4").write_bytes(b"no video")
    words = ["edge", "replay", settings(tmp_path, models.folder), "--camera", "yard", str(tmp_path / "x.mp4")]
    assert main(words) == 1
    assert "x.mp4" in capsys.readouterr().err


def walkers(folder: Path) -> Path:
    """The first eight seconds of real walkers; two of them cross the middle."""
    source = sample_clips.fetch(
        sample_clips.WALKWAY, Path.home() / ".cache" / "paifang-tests" / "clips", clip_folders()
    )
    with av.open(str(source)) as given, av.open(str(folder / "walkers.mp4"), "w") as made:
        stream = made.add_stream("libx264", rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 768, 576, "yuv420p"
        for number, frame in enumerate(itertools.islice(given.decode(video=0), 80)):
            frame.pts, frame.time_base = number, Fraction(1, 10)
            made.mux(stream.encode(frame.reformat(format="yuv420p")))
        made.mux(stream.encode(None))
    return folder / "walkers.mp4"


def test_replay_prints_events_as_json_lines_and_nothing_else(
    tmp_path: Path, models: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    config = settings(tmp_path, models.folder)
    assert main(["edge", "replay", config, "--camera", "yard", str(walkers(tmp_path))]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {event["type"] for event in events} == {"zone.entered"}
    assert len(events) >= 2
    for event in events:
        assert set(event) == {"type", "time", "place", "data"}
        assert (event["place"], event["data"]["zone"], event["data"]["object"]) == ("yard", "all", "person")
