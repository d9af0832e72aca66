from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import get_args

import pytest
from model_kit import CONTENT, a_file, a_manifest, a_wheel_source

from models.manifest import Folder, Npm, Pip, Source
from models.model_sources import (
    SOURCES,
    FetchContext,
    FetchJob,
    SourceFailed,
    default_folders,
    fetch,
    installed_file,
    label,
    run_command,
)

MEMBER = "paifang_toy_model/data/toy.onnx"
INFO = "paifang_toy_model-1.0.dist-info"
NPM = Npm("paifang-toy-model", "1.0.0", {"toy.onnx": "data/toy.onnx"})


def an_errand(folder: Path, means: FetchContext | None = None) -> FetchJob:
    into = folder / "into"
    into.mkdir(exist_ok=True)
    return FetchJob(a_manifest(), [a_file()], into, means or FetchContext(), lambda _done, _total: None)


def a_wheel(folder: Path, content: bytes = CONTENT) -> None:
    with zipfile.ZipFile(folder / "paifang_toy_model-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(MEMBER, content)
        wheel.writestr(f"{INFO}/METADATA", "Metadata-Version: 2.1\nName: paifang-toy-model\nVersion: 1.0\n")
        wheel.writestr(f"{INFO}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{INFO}/RECORD", "")


def pip_only_from(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real pip, but with a folder in the place of an index."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))


def test_every_kind_has_a_handler() -> None:
    assert set(SOURCES) == set(get_args(Source))


def test_pip_downloads_the_wheel_and_the_member_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_wheel(tmp_path)
    pip_only_from(tmp_path, monkeypatch)
    errand = an_errand(tmp_path)
    fetch(a_wheel_source(), errand)
    assert (errand.into / "toy.onnx").read_bytes() == CONTENT
    assert [path.name for path in errand.into.iterdir()] == ["toy.onnx"]


def test_pip_without_the_package_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip_only_from(tmp_path, monkeypatch)
    with pytest.raises(SourceFailed, match=r"No matching distribution found for paifang-toy-model==1\.0"):
        fetch(a_wheel_source(), an_errand(tmp_path))


def test_a_wheel_without_the_member_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_wheel(tmp_path)
    pip_only_from(tmp_path, monkeypatch)
    with pytest.raises(SourceFailed, match="no item named 'elsewhere'"):
        fetch(Pip("paifang-toy-model", "1.0", {"toy.onnx": "elsewhere"}), an_errand(tmp_path))


def test_a_member_that_is_too_long_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_wheel(tmp_path, CONTENT * 9)
    pip_only_from(tmp_path, monkeypatch)
    errand = an_errand(tmp_path)
    fetch(a_wheel_source(), errand)
    assert (errand.into / "toy.onnx").stat().st_size == len(CONTENT) + 1


def test_an_installed_package_is_used_without_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_wheel(tmp_path)
    zipfile.ZipFile(tmp_path / "paifang_toy_model-1.0-py3-none-any.whl").extractall(tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert installed_file("paifang-toy-model", "1.0", MEMBER) == tmp_path / "site" / MEMBER
    assert installed_file("paifang-toy-model", "2.0", MEMBER) is None
    assert installed_file("paifang-toy-model", "1.0", "elsewhere") is None

    def no_pip(words: object, folder: object) -> None:
        raise AssertionError(f"must not run {words} in {folder}")

    errand = an_errand(tmp_path, FetchContext(run=no_pip))
    fetch(a_wheel_source(), errand)
    assert (errand.into / "toy.onnx").read_bytes() == CONTENT


@contextlib.contextmanager
def npm_registry(folder: Path) -> Iterator[str]:
    """A registry of one package, as files behind a real server."""
    entry = tarfile.TarInfo("package/data/toy.onnx")
    entry.size = len(CONTENT)
    with tarfile.open(folder / "toy.tgz", "w:gz") as tarball:
        about = json.dumps({"name": NPM.package, "version": NPM.version}).encode()
        head = tarfile.TarInfo("package/package.json")
        head.size = len(about)
        tarball.addfile(head, io.BytesIO(about))
        tarball.addfile(entry, io.BytesIO(CONTENT))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    address = f"http://127.0.0.1:{server.server_address[1]}"
    version = {"name": NPM.package, "version": NPM.version, "dist": {"tarball": f"{address}/toy.tgz"}}
    packument = {"name": NPM.package, "dist-tags": {"latest": NPM.version}, "versions": {NPM.version: version}}
    (folder / NPM.package).write_text(json.dumps(packument))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield address
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def test_npm_packs_and_the_member_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "web").mkdir()
    errand = an_errand(tmp_path)
    with npm_registry(tmp_path / "web") as address:
        monkeypatch.setenv("npm_config_registry", address)
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
        fetch(NPM, errand)
        assert (errand.into / "toy.onnx").read_bytes() == CONTENT
        with pytest.raises(SourceFailed, match="elsewhere"):
            fetch(Npm(NPM.package, NPM.version, {"toy.onnx": "elsewhere"}), errand)
        with pytest.raises(SourceFailed, match="exit 1"):
            fetch(Npm(NPM.package, "9.9.9", NPM.members), errand)


def test_a_folder_with_a_cut_off_copy_is_passed_over(tmp_path: Path) -> None:
    for name, content in (("cut", CONTENT[:99]), ("whole", CONTENT)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "toy.onnx").write_bytes(content)
    errand = an_errand(tmp_path, FetchContext(folders=(tmp_path / "cut", tmp_path / "whole")))
    fetch(Folder(), errand)
    assert (errand.into / "toy.onnx").read_bytes() == CONTENT


def test_default_folders_begin_with_the_ones_asked_for(tmp_path: Path) -> None:
    folders = default_folders({"PAIFANG_MODELS_PATH": f"/a{os.pathsep}/b"}, tmp_path)
    assert folders[:2] == (Path("/a"), Path("/b"))
    assert folders[2].parts[-2:] == ("shared", "models")
    assert folders[3] == tmp_path / ".local/share/paifang/models"


def test_a_missing_command_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match="'paifang-no-such-command' is not installed"):
        run_command(["paifang-no-such-command"], tmp_path)


def test_a_failing_command_says_its_last_error(tmp_path: Path) -> None:
    script = "import sys; sys.exit('first line\\nERROR: no such thing\\nhint: none')"
    with pytest.raises(SourceFailed, match="exit 1: ERROR: no such thing"):
        run_command([sys.executable, "-c", script], tmp_path)


def test_labels_name_the_version() -> None:
    assert label(a_wheel_source()) == "pip paifang-toy-model==1.0"
    assert label(NPM) == "npm paifang-toy-model@1.0.0"
