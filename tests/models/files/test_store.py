from __future__ import annotations

import threading
from pathlib import Path

import pytest
from model_kit import CONTENT, Upstream, a_file, a_manifest, serving

from common.errors import HashMismatch, ModelError, ModelUnavailable
from models.files.download import part_path
from models.files.store import ModelStore, default_folder
from models.manifest import Folder, Manifest
from models.model_sources import FetchContext


def a_store(folder: Path, *manifests: Manifest, folders: tuple[Path, ...] = ()) -> ModelStore:
    return ModelStore(folder / "cache", FetchContext(folders=folders, stall_timeout_s=5.0), manifests or [a_manifest()])


def put(folder: Path, content: bytes = CONTENT, name: str = "toy.onnx") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder


def names_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_from_a_folder(tmp_path: Path) -> None:
    store = a_store(tmp_path, folders=(tmp_path / "absent", put(tmp_path / "stick")))
    assert not store.has("toy")
    assert store.fetch("toy").read_bytes() == CONTENT
    assert store.read("toy") == CONTENT
    store.verify("toy")
    assert names_in(tmp_path / "cache") == [".lock", "toy/toy.onnx"]


def test_a_copied_cache_is_a_source_too(tmp_path: Path) -> None:
    put(tmp_path / "stick" / "toy")
    assert a_store(tmp_path, folders=(tmp_path / "stick",)).fetch("toy").read_bytes() == CONTENT


def test_what_is_here_is_not_fetched_again(tmp_path: Path) -> None:
    with serving(Upstream()) as upstream:
        store = a_store(tmp_path, a_manifest(upstream.source()))
        store.fetch("toy")
        store.fetch("toy")
        store.ensure("objects")
    assert len(upstream.asked) == 1


def test_a_wrong_hash_is_discarded_and_the_next_source_is_tried(tmp_path: Path) -> None:
    stick = put(tmp_path / "stick", b"!" + CONTENT[1:])
    with serving(Upstream()) as upstream:
        store = a_store(tmp_path, a_manifest(Folder(), upstream.source()), folders=(stick,))
        assert store.fetch("toy").read_bytes() == CONTENT
    assert upstream.asked == [""]


def test_a_wrong_hash_everywhere_leaves_nothing(tmp_path: Path) -> None:
    with serving(Upstream(content=b"!" + CONTENT[1:])) as upstream:
        store = a_store(tmp_path, a_manifest(Folder(), upstream.source()))
        with pytest.raises(ModelUnavailable) as refused:
            store.fetch("toy")
    text = str(refused.value)
    assert "folder: not found in: no folder is configured (PAIFANG_MODELS_PATH)" in text
    assert upstream.url in text
    assert f"SHA-256 must be {a_file().sha256}, got" in text
    assert names_in(tmp_path / "cache") == [".lock"]
    assert not store.has("toy")


def test_an_interrupted_address_is_gone_on_with_by_the_next_process(tmp_path: Path) -> None:
    staging = tmp_path / "cache" / ".staging" / "toy"
    staging.mkdir(parents=True)
    part_path(a_file(), staging).write_bytes(CONTENT[:4321])
    with serving(Upstream()) as upstream:
        a_store(tmp_path, a_manifest(upstream.source())).fetch("toy")
    assert upstream.asked == ["bytes=4321-"]


def test_a_rotten_part_is_discarded_and_the_next_try_starts_afresh(tmp_path: Path) -> None:
    staging = tmp_path / "cache" / ".staging" / "toy"
    staging.mkdir(parents=True)
    part_path(a_file(), staging).write_bytes(b"!" * 4321)
    with serving(Upstream()) as upstream:
        store = a_store(tmp_path, a_manifest(upstream.source()))
        with pytest.raises(ModelUnavailable, match="SHA-256 must be"):
            store.fetch("toy")
        assert store.fetch("toy").read_bytes() == CONTENT


def test_damage_is_told_and_mended(tmp_path: Path) -> None:
    store = a_store(tmp_path, folders=(put(tmp_path / "stick"),))
    store.fetch("toy").write_bytes(b"!" + CONTENT[1:])
    with pytest.raises(HashMismatch, match=r"toy\.onnx: SHA-256 must be"):
        store.read("toy")
    with pytest.raises(HashMismatch):
        store.verify("toy")
    _, path = store.ensure("objects")
    assert path.read_bytes() == CONTENT


def test_a_failed_mending_leaves_the_old_file_where_it_was(tmp_path: Path) -> None:
    store = a_store(tmp_path, folders=(put(tmp_path / "stick"),))
    store.fetch("toy").write_bytes(b"damaged")
    (tmp_path / "stick" / "toy.onnx").unlink()
    with pytest.raises(ModelUnavailable):
        store.fetch("toy")
    assert (tmp_path / "cache" / "toy" / "toy.onnx").read_bytes() == b"damaged"


def test_absent_models_say_what_to_run(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    with pytest.raises(ModelUnavailable, match="run `paifang models fetch toy`"):
        store.read("toy")
    with pytest.raises(ModelUnavailable, match="run `paifang models fetch --task objects`"):
        store.ensure("objects", fetch=False)


def test_ensure_takes_the_first_choice_and_falls_back(tmp_path: Path) -> None:
    second = a_manifest(name="second", order=2, content=b"other")
    stick = put(tmp_path / "stick" / "second", b"other").parent
    store = a_store(tmp_path, second, a_manifest(), folders=(stick,))
    assert store.ensure("objects")[0].name == "second"
    put(stick / "toy")
    assert store.ensure("objects")[0].name == "toy"


def test_ensure_without_any_lists_every_model_and_source(tmp_path: Path) -> None:
    store = a_store(tmp_path, a_manifest(), a_manifest(name="second", order=2))
    with pytest.raises(ModelUnavailable, match=r"(?s)model 'toy' cannot be had.*model 'second' cannot be had"):
        store.ensure("objects")


def test_companions_come_and_count(tmp_path: Path) -> None:
    stick = put(put(tmp_path / "stick"), b"abc", "dict.txt")
    store = a_store(tmp_path, a_manifest(parts=[a_file(b"abc", "dict.txt")]), folders=(stick,))
    path = store.fetch("toy")
    assert (path.parent / "dict.txt").read_bytes() == b"abc"
    (path.parent / "dict.txt").unlink()
    assert not store.has("toy")
    store.fetch("toy")
    (path.parent / "dict.txt").write_bytes(b"abd")
    with pytest.raises(HashMismatch, match=r"dict\.txt"):
        store.verify("toy")


def test_two_that_fetch_at_once_load_it_once(tmp_path: Path) -> None:
    with serving(Upstream()) as upstream:
        stores = [a_store(tmp_path, a_manifest(upstream.source())) for _ in range(4)]
        threads = [threading.Thread(target=store.fetch, args=("toy",)) for store in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(upstream.asked) == 1
    assert stores[0].read("toy") == CONTENT


def test_a_cache_that_cannot_be_written_is_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file stands in the way")
    with pytest.raises(ModelError, match="cannot be written"):
        a_store(tmp_path).fetch("toy")


def test_an_unknown_name_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no model 'nobody'"):
        a_store(tmp_path).path("nobody")


def test_the_default_folder_follows_the_environment(tmp_path: Path) -> None:
    assert default_folder({"PAIFANG_DATA": "/srv/p"}, tmp_path) == Path("/srv/p/models")
    assert default_folder({}, tmp_path) == tmp_path / ".local/share/paifang/models"
