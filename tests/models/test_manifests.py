from __future__ import annotations

import re

import pytest

from common.errors import ModelError
from models import registry
from models.detector_factory import WRAPPERS
from models.manifest import TASKS, Address, loads

GOOD = (registry.FOLDER / "yolox_nano.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", registry.MANIFESTS)
def test_every_manifest_loads_and_says_where_what_and_under_which_licence(name: str) -> None:
    manifest = registry.named(name)
    assert manifest.licence
    assert manifest.caveat
    assert manifest.sources
    assert len(manifest.input.mean) == len(manifest.input.scale) == 3


def test_the_table_and_the_folder_hold_the_same() -> None:
    assert sorted(path.stem for path in registry.FOLDER.iterdir()) == sorted(registry.MANIFESTS)


def test_every_wrapper_has_a_manifest() -> None:
    assert set(WRAPPERS) <= set(registry.MANIFESTS)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_models_with_distinct_places_from_1(task: str) -> None:
    orders = [each.order for each in registry.manifests() if each.task == task]
    assert sorted(orders) == list(range(1, len(orders) + 1))
    assert orders


@pytest.mark.parametrize("task", TASKS)
def test_every_task_can_be_served_by_a_package_registry_alone(task: str) -> None:
    kinds = {type(source).__name__ for each in registry.manifests() if each.task == task for source in each.sources}
    assert kinds & {"Pip", "Npm"}


def test_for_task_puts_the_first_choice_first() -> None:
    assert [each.name for each in registry.for_task("objects")] == ["yolox_nano", "ssdlite_mobilenet_v2"]
    assert [each.name for each in registry.for_task("faces-to-blur")] == ["yunet_n", "centerface"]


def test_the_tasks_are_exactly_these_four() -> None:
    assert TASKS == ("objects", "faces-to-blur", "plate-find", "plate-read")


@pytest.mark.parametrize("task", ["face-recognition", "person-attributes", "re-identification", "Objects", ""])
def test_any_other_task_is_refused(task: str) -> None:
    with pytest.raises(ModelError, match="closed set: objects, faces-to-blur, plate-find, plate-read"):
        loads(GOOD.replace('task = "objects"', f'task = "{task}"'), "toy.toml")


def test_for_task_refuses_other_tasks_too() -> None:
    with pytest.raises(ModelError, match="'face-recognition' is refused"):
        registry.for_task("face-recognition")  # type: ignore[arg-type]


WRONG = [
    ("order = 1", "order = 1\nembedding = true", "unknown field `embedding`"),
    ('name = "images"', 'name = "images"\nlayuot = 1', "unknown field `layuot` - at `$.input`"),
    ('kind = "folder"', 'kind = "folder"\nurl = "x"', "unknown field `url` - at `$.sources"),
    ('kind = "folder"', 'kind = "torrent"', "Invalid value 'torrent'"),
    ("order = 1", 'order = "first"', "Expected `int`"),
    ("bytes = 3660092", "", "missing required field `bytes`"),
    ("bytes = 3660092", "bytes = 0", "bytes of yolox_nano.onnx must be above 0"),
    ("695e750a5d", "XYZ", "sha256 of yolox_nano.onnx must be 64"),
    ('file = "yolox_nano.onnx"', 'file = "../yolox_nano.onnx"', "must be plain"),
    ("https://", "http://", "url must start with https://"),
    ("order = 1", 'order = 1\nconvert = "tfjs-graph"', "needs the files to convert"),
    ("order = 1", "order = ", "not TOML"),
    ('layout = "NCHW"', 'layout = "CHWN"', "Invalid enum value 'CHWN'"),
]


@pytest.mark.parametrize(("old", "new", "problem"), WRONG)
def test_a_wrong_manifest_names_what_is_wrong(old: str, new: str, problem: str) -> None:
    assert old in GOOD
    with pytest.raises(ModelError, match=f"toy.toml: .*{re.escape(problem)}"):
        loads(GOOD.replace(old, new), "toy.toml")


def test_a_package_must_deliver_exactly_the_files() -> None:
    text = (registry.FOLDER / "clp_rec.toml").read_text(encoding="utf-8").replace('"clp_dict.txt" =', '"dict.txt" =')
    with pytest.raises(ModelError, match=r"must be exactly clp_dict\.txt, clp_v2_c_rec\.onnx"):
        loads(text, "toy.toml")


def test_an_address_delivers_one_file_only() -> None:
    part = '\n[[parts]]\nname = "more.txt"\nsha256 = "' + "0" * 64 + '"\nbytes = 3\n'
    with pytest.raises(ModelError, match="one file only"):
        loads(GOOD + part, "toy.toml")


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(ModelError, match="did you mean 'yolox_nano'"):
        registry.named("yolo_nano")


def test_addresses_are_pinned_to_a_commit_of_a_repository() -> None:
    """Never a package registry's own address: pip and npm know theirs."""
    addresses = [s.url for each in registry.manifests() for s in each.sources if isinstance(s, Address)]
    assert addresses
    for url in addresses:
        assert re.match(r"https://raw\.githubusercontent\.com/[^/]+/[^/]+/[0-9a-f]{40}/", url)
