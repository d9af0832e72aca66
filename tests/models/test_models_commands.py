from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from model_kit import obtain

from models.cli import progress_on
from models.files.store import ModelStore
from models.registry import MANIFESTS
from paifang.cli import main


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(capsys.readouterr().out)
    return value


def linked(model_store: ModelStore, folder: Path, *names: str) -> Path:
    """A cache with some of the real models."""
    for name in names:
        path = model_store.fetch(name)
        (folder / name).mkdir(parents=True)
        for file in path.parent.iterdir():
            (folder / name / file.name).symlink_to(file)
    return folder


def test_list_names_every_model_with_licence_and_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--folder", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in MANIFESTS)
    assert text.count("not fetched") == len(MANIFESTS)
    assert "no wrapper yet" not in text
    assert "no licence file" in text


def test_list_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str], model_store: ModelStore) -> None:
    linked(model_store, tmp_path, "clp_rec")
    assert main(["models", "list", "--json", "--folder", str(tmp_path)]) == 0
    rows = {row["name"]: row for row in said(capsys)["models"]}
    assert list(rows) == list(MANIFESTS)
    assert rows["clp_rec"]["here"] is True
    assert rows["clp_rec"]["wrapper"] is True
    assert rows["yolox_nano"]["here"] is False
    assert rows["yolox_nano"]["wrapper"] is True


def test_fetch_brings_one_model_for_each_task_and_all_that_gates_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model_store: ModelStore
) -> None:
    names = obtain(model_store, "objects", "faces-to-blur", "plate-find", "plate-read")
    linked(model_store, tmp_path, *dict.fromkeys([*names, "ppocr_det", "clp_rec"]))
    assert main(["models", "fetch", "--json", "--folder", str(tmp_path)]) == 0
    answer = said(capsys)
    assert [row["name"] for row in answer["taken"]][: len(names)] == names
    assert {"clp_det", "ppocr_det", "ppocr_rec", "clp_rec"} <= {row["name"] for row in answer["taken"]}
    assert (answer["failed"], answer["missed"]) == ([], [])
    assert main(["models", "verify", "--folder", str(tmp_path)]) == 0


def test_a_second_opinion_that_cannot_be_had_is_told_and_is_no_failure(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    model_store: ModelStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = obtain(model_store, "objects", "faces-to-blur", "plate-find", "plate-read")
    linked(model_store, tmp_path, *dict.fromkeys([*names, "ppocr_det"]))
    monkeypatch.setenv("PAIFANG_MODELS_PATH", str(tmp_path / "nowhere"))
    monkeypatch.setenv("PATH", str(tmp_path / "no-commands"))
    (tmp_path / "clp_rec").write_text("in the way")
    assert main(["models", "fetch", "--json", "--folder", str(tmp_path)]) == 0
    answer = said(capsys)
    assert [row["name"] for row in answer["missed"]] == ["clp_rec"]
    assert answer["failed"] == []


def test_fetch_by_name_tells_what_it_took(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model_store: ModelStore
) -> None:
    linked(model_store, tmp_path, "centerface")
    assert main(["models", "fetch", "centerface", "--folder", str(tmp_path)]) == 0
    taken = capsys.readouterr()
    assert taken.out.startswith("faces-to-blur  centerface (choice 2): ")
    assert taken.err == ""


def test_fetch_that_fails_is_1_with_the_reasons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["models", "fetch", "yunet_n", "--folder", str(tmp_path / "file")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_verify_tells_damage_and_bare_tasks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model_store: ModelStore
) -> None:
    linked(model_store, tmp_path, "clp_det")
    (tmp_path / "centerface").mkdir()
    (tmp_path / "centerface" / "centerface.onnx").write_bytes(b"damaged")
    assert main(["models", "verify", "--json", "--folder", str(tmp_path)]) == 1
    answer = said(capsys)
    assert answer["models"]["clp_det"] == "good"
    assert answer["models"]["yunet_n"] == "not fetched"
    assert answer["models"]["centerface"].startswith("damaged: centerface.onnx: SHA-256 must be")
    assert answer["tasks_without_model"] == ["objects", "faces-to-blur", "plate-read"]


def test_an_unknown_name_is_2_with_the_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "fetch", "yolo_nano", "--folder", str(tmp_path)]) == 2
    assert "did you mean 'yolox_nano'" in capsys.readouterr().err


def test_names_and_a_task_together_are_2(tmp_path: Path) -> None:
    assert main(["models", "fetch", "yunet_n", "--task", "objects", "--folder", str(tmp_path)]) == 2


@pytest.mark.parametrize("words", [["fetch", "--task", "face-recognition"], ["forget"], []])
def test_wrong_words_are_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["models", *words])
    assert left.value.code == 2


def test_progress_is_drawn_on_a_terminal_only() -> None:
    pipe, terminal = io.StringIO(), Terminal()
    for stream in (pipe, terminal):
        progress = progress_on(stream, "toy")
        progress(500_000, 1_000_000)
        progress(1_000_000, 1_000_000)
    assert pipe.getvalue() == ""
    assert "[###############...............]    0.5 of 1.0 MB" in terminal.getvalue()
    assert terminal.getvalue().endswith("1.0 of 1.0 MB\n")
