"""Platforms of GB/T 28181 in the settings: each mistake is named; passwords stay in their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from aggregator.settings import aggregator
from aggregator.settings.gb28181 import parse_address
from common.errors import SettingsError

SERVER, DEVICE, OTHER = "34020000002000000001", "34020000001110000001", "34020000001320000009"


def write(folder: Path, **changed: str) -> Path:
    keys = {
        "consumer": "Town platform", "address": f"sip:{SERVER}@10.1.2.3:5060", "device": f"'{DEVICE}'",
        "password_file": "gb.password", "cameras": f"{{village/gate-1/yard: 1, village/gate-1/road: '{OTHER}'}}",
    } | changed  # fmt: skip
    lines = "\n".join(f"      {name}: {value}" for name, value in keys.items())
    path = folder / "a.yaml"
    path.write_text(f"feeds:\n  networks: [10.1.0.0/16]\n  gb28181:\n    -\n{lines}\n")
    return path


def test_cameras_have_the_ids_that_the_settings_give_them(tmp_path: Path) -> None:
    (found,) = aggregator.load(write(tmp_path)).feeds.gb28181
    assert found.channels == {"34020000001320000001": "village/gate-1/yard", OTHER: "village/gate-1/road"}
    assert found.password_file == str(tmp_path / "gb.password")


def test_the_example_of_the_documents_loads(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs" / "integrate" / "gb28181.md").read_text()
    path = tmp_path / "a.yaml"
    path.write_text(text.partition("```yaml\n")[2].partition("```")[0])
    (found,) = aggregator.load(path).feeds.gb28181
    assert list(found.channels) == ["34020000001320000001", OTHER]


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("address", "sip:34@h", "write sip:ID@host:port"),
        ("device", "'34'", "20 digits in quotes"),
        ("device", DEVICE, "str"),
        ("cameras", "{yard: 1}", "site/box/camera"),
        ("cameras", "{a/b/c: 0}", ">= 1"),
        ("cameras", "{a/b/c: 1000000}", "<= 999999"),
        ("cameras", "{a/b/c: '12'}", "20 digits"),
        ("cameras", "{a/b/c: 1, a/b/d: 1}", "id of its own"),
        ("cameras", f"{{a/b/c: '{DEVICE}'}}", "id of its own"),
        ("media_hosts", "['a b']", "no name and no address"),
        ("name", "''", "length"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, key: str, value: str, problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        aggregator.load(write(tmp_path, **{key: value}))
    assert problem in str(caught.value)
    assert "gb28181" in caught.value.key


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        (f"sip:{SERVER}@video.example:5061;transport=tcp", (SERVER, "video.example", 5061, "tcp")),
        (f"sip:{SERVER}@[2001:db8::1]", (SERVER, "2001:db8::1", 5060, "udp")),
    ],
)
def test_addresses(address: str, parts: tuple[str, str, int, str]) -> None:
    assert parse_address(address) == parts


@pytest.mark.parametrize(
    "address",
    [
        "", f"sips:{SERVER}@h", f"sip:{SERVER[1:]}@h", f"sip:{SERVER}@", f"sip:{SERVER}@h:0", f"sip:{SERVER}@h:65536",
        f"sip:{SERVER}@h;transport=tls", f"sip:{SERVER}@h\r\nX: y", f"sip:{SERVER}:pw@h", f"sip:{SERVER}@h@i",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="write sip:ID@host:port"):
        parse_address(address)
