"""Every wrong settings file gets an error with file, line, key and what to write instead."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest

from common import settings_loader
from common.errors import SettingsError


class Here(msgspec.Struct, frozen=True, tag_field="kind", tag="here"):
    port: int = 1


class There(msgspec.Struct, frozen=True, tag_field="kind", tag="there"):
    host: str
    port: int = 2


class Zone(msgspec.Struct, frozen=True):
    name: str
    size: Annotated[int, msgspec.Meta(ge=1)] = 1


class Camera(msgspec.Struct, frozen=True):
    id: str
    zones: tuple[Zone, ...] = ()
    watch: Literal["all", "some"] = "all"


class Told(msgspec.Struct, frozen=True):
    site: str
    broker: Here | There = Here()
    cameras: tuple[Camera, ...] = ()
    named: dict[str, Zone] = {}
    limit: Annotated[float, msgspec.Meta(gt=0)] | None = None

    def __post_init__(self) -> None:
        if self.site == "nowhere":
            raise ValueError("site 'nowhere' is nowhere; name another")


GOOD = """\
site: village
broker: {kind: there, host: h}
cameras:
  - id: one
    zones:
      - {name: a, size: 3}
named:
  b: {name: b}
"""


def test_a_good_file_becomes_frozen_structs(tmp_path: Path) -> None:
    path = tmp_path / "good.yaml"
    path.write_text(GOOD)
    told = settings_loader.load(path, Told)
    assert told == Told("village", There("h"), (Camera("one", (Zone("a", 3),)),), {"b": Zone("b")})


def test_an_empty_file_is_an_empty_map() -> None:
    assert settings_loader.loads("", Here) == Here()
    assert settings_loader.loads("# nothing\n", Here) == Here()


BAD: dict[str, tuple[str, int, str, str]] = {
    "unknown key": ("site: v\nsiet: w\n", 2, "siet", "did you mean 'site'?"),
    "unknown key, far from all": ("site: v\nqqqq: 1\n", 2, "qqqq", "one of: broker, cameras, limit, named, site"),
    "unknown key in a list": (GOOD.replace("size: 3", "sice: 3"), 6, "cameras[0].zones[0].sice", "'size'"),
    "unknown key in a map's value": (GOOD.replace("{name: b}", "{nam: b}"), 8, "named.b.nam", "'name'"),
    "unknown key in a union": (GOOD.replace("host: h", "hots: h"), 2, "broker.hots", "'host'"),
    "a key of the other member": ("site: v\nbroker: {kind: here, host: h}\n", 2, "broker.host", "unknown key 'host'"),
    "twice": ("site: v\nsite: w\n", 2, "site", "stands here twice; keep one"),
    "twice, nested": ("site: v\nbroker:\n  kind: here\n  port: 1\n  port: 1\n", 5, "broker.port", "twice"),
    "missing": ("cameras: []\n", 1, "", "the key 'site' is missing"),
    "missing, nested": ("site: v\ncameras:\n  - watch: all\n", 3, "cameras[0]", "the key 'id' is missing"),
    "missing in a map's value": ("site: v\nnamed:\n  b: {size: 1}\n", 3, "named.b", "'name' is missing"),
    "wrong type": ("site: v\ncameras:\n  - {id: 7}\n", 3, "cameras[0].id", "Expected `str`, got `int`"),
    "wrong type in a map's value": ("site: v\nnamed:\n  b:\n    name: b\n    size: x\n", 5, "named.b.size", "`int`"),
    "out of bounds": ("site: v\nlimit: 0\n", 2, "limit", "> 0"),
    "not one of": ("site: v\ncameras:\n- id: a\n  watch: none\n", 4, "cameras[0].watch", "Invalid enum value 'none'"),
    "no member of the union": ("site: v\nbroker: {kind: moon}\n", 2, "broker.kind", "'moon'"),
    "own check": ("site: nowhere\n", 1, "", "'nowhere' is nowhere; name another"),
    "not a map": ("- a\n- b\n", 1, "", "Expected `object`, got `array`"),
    "not YAML": ("site: v\n  broker: [\n", 2, "", "not YAML"),
    "a program": ("site: !!python/name:os.getcwd\n", 1, "", "not YAML"),
    "a call": ("site: !!python/object/apply:os.getcwd []\n", 1, "site", "Expected `str`, got `array`"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_with_line_key_and_fix(name: str) -> None:
    text, line, key, fix = BAD[name]
    with pytest.raises(SettingsError) as caught:
        settings_loader.loads(text, Told, "box.yaml")
    assert caught.value.where == f"box.yaml:{line}"
    assert caught.value.key == key
    assert fix in caught.value.problem
    assert str(caught.value).startswith(f"box.yaml:{line}: ")


@pytest.mark.parametrize("text", ["site: &a [*a]\n", "site: " + "[" * 5000 + "]" * 5000])
def test_a_file_without_a_bottom_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="nested too deeply"):
        settings_loader.loads(text, Told)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match="cannot be read") as caught:
        settings_loader.load(path, Told)
    assert caught.value.where == str(path)


def test_fail_names_key_and_problem() -> None:
    assert str(settings_loader.fail("a.yaml", "zones[0]", "no")) == "a.yaml: zones[0]: no"
