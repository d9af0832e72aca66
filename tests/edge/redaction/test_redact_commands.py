"""`paifang redact`: the copy, its manifest, and what is refused."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from model_kit import obtain
from redaction_kit import make_film

from edge.cli.redaction import progress_on
from models.files.store import ModelStore
from paifang import cli

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model_store: ModelStore
) -> Run:
    obtain(model_store, "faces-to-blur", "plate-find")
    data = tmp_path / "data"
    data.mkdir()
    (data / "models").symlink_to(model_store.folder.resolve())
    monkeypatch.setenv("PAIFANG_DATA", str(data))

    def call(*words: object) -> tuple[int, str, str]:
        code = cli.main(["--log-level", "error", "redact", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_a_copy_is_made_signed_and_verified(run: Run, tmp_path: Path, model_store: ModelStore) -> None:
    film, out = make_film(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    code, said, quiet = run(film, out, "--json")
    assert (code, quiet) == (0, "")
    told = json.loads(said)
    assert told["counts"]["frames"] == 36
    signed = json.loads(Path(told["manifest"]).read_text())
    manifest = json.loads(signed["manifest"])
    assert [it["name"] for it in manifest["models"]] == obtain(model_store, "faces-to-blur", "plate-find")
    assert all(len(it["sha256"]) == 64 for it in manifest["models"])
    assert manifest["sound"] is False
    assert run(film, out, "--verify", "--key", signed["public_key"])[0] == 0
    assert "no --key was given" in run(film, out, "--verify")[1]
    assert cli.main(["footage", "verify", str(out), told["manifest"]]) == 0
    assert run(film, out, "--verify", "--key", "00" * 32)[2].count("another box") == 1


def test_a_changed_byte_anywhere_is_found(run: Run, tmp_path: Path) -> None:
    film, out = make_film(tmp_path / "in.mp4", frames=12), tmp_path / "out.mp4"
    assert run(film, out, "--faces-only")[0] == 0
    for which in ("in.mp4", "out.mp4", "out.mp4.manifest.json"):
        path = tmp_path / which
        whole = path.read_bytes()
        data = bytearray(whole)
        place = data.index(b"counts") + 1 if which.endswith("json") else len(data) // 2
        data[place] ^= 1
        path.write_bytes(bytes(data))
        code, said, problem = run(film, out, "--verify")
        assert (code, said) == (1, ""), which
        assert "bytes are not the ones" in problem or "signature is wrong" in problem, which
        path.write_bytes(whole)
    assert run(film, out, "--verify")[0] == 0


def test_what_cannot_be_done_is_refused_and_leaves_nothing(run: Run, tmp_path: Path) -> None:
    film = make_film(tmp_path / "in.mp4")
    out = tmp_path / "out.mp4"
    assert "is there already" in run(film, film)[2]
    assert "is no folder" in run(film, tmp_path / "none" / "out.mp4")[2]
    assert "cannot be read" in run(tmp_path / "none.mp4", out)[2]
    (tmp_path / "text.mp4").write_text("nothing")
    code, said, problem = run(tmp_path / "text.mp4", out)
    assert (code, said) == (1, "")
    assert "nothing to cover" in problem
    assert "cannot be read" in run(film, out, "--verify")[2]
    (tmp_path / "data" / "models").unlink()
    assert "paifang models fetch" in run(film, out)[2]
    assert not out.exists()


def test_the_summary_names_what_went_wrong(run: Run, tmp_path: Path) -> None:
    film = make_film(tmp_path / "in.mkv", codec="ffv1", pixels="yuv410p")
    code, said, _ = run(film, tmp_path / "out.mp4")
    assert code == 1
    assert "36 frames black" in said


def test_progress_is_drawn_on_a_terminal_only() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert progress_on(io.StringIO()) is None
    terminal = Terminal()
    draw = progress_on(terminal)
    assert draw is not None
    for done in range(1, 37):
        draw(done, 36)
    assert "36 of 36 frames\n" in terminal.getvalue()
