"""`paifang edge check` tells all that is wrong with a file, with lines, and nothing that only follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import SettingsError
from common.validation import MOST
from edge.settings.node import load
from paifang.cli import main

WRONG = """
site: vil lage
box: gate-1
status_port: 99999
timezone: Asia/Nowhere
recorder: {mute: [yard, attic]}
cameras:
  - id: yard
    url: rtsp://admin:geheim@10.0.0.5/main
    watch_url: rtsp:///sub
    password_file: none.txt
    looks_per_s: 99
    zones:
      - {name: a, polygon: [[0, 0], [1, 1], [2, 1]]}
      - {name: b, polygon: [[0, 0], [1, 1]]}
      - {name: c, poligon: [[0, 0], [1, 1], [1, 0]], schedule: night}
  - id: back door
    url: ftp://h/x
    colour: red
    zones:
      - {name: z, polygon: [[0, 0], [1, 1], [1, 0]], schedule: nigth}
  - id: lane
    url: rtsp://h/x
    url: rtsp://h/y
    gate: {name: lane, relay: {kind: nothing}}
doors:
  - {id: front, camera: cellar, control: {kind: osdp, port: /dev/ttyS0, address: 1, key_file: door.key}}
broker: {ca_file: a.pem}
"""

TOLD = [
    (2, "site"),
    (4, "status_port"),
    (2, "timezone 'Asia/Nowhere'"),
    (2, "recorder.mute names 'attic'"),
    (8, "url holds a user or password"),
    (8, "watch_url is no address"),
    (11, "there is no file 'none.txt'"),
    (12, "looks_per_s"),
    (14, "polygon[2][0]"),
    (15, "at least three"),
    (16, "did you mean 'polygon'"),
    (16, "camera 'yard': schedule 'night' of 'c'"),
    (17, "cameras[1].id"),
    (17, "url starts with 'ftp://'"),
    (19, "unknown key 'colour'"),
    (21, "camera 'back door': schedule 'nigth' of 'z'"),
    (24, "stands here twice"),
    (25, "cameras[2].gate.relay"),
    (2, "camera 'cellar' is not one of this box"),
    (27, "there is no file 'door.key'"),
    (28, "there is no file 'a.pem'"),
    (28, "tls: true"),
]


def told_of(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "box.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(path)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(("line", "text"), TOLD)
def test_each_mistake_is_told_with_its_line_whatever_else_is_wrong(tmp_path: Path, line: int, text: str) -> None:
    assert [it for it in told_of(tmp_path, WRONG) if text in it and f"box.yaml:{line}:" in it], text


def test_nothing_is_told_that_only_follows_and_no_secret(tmp_path: Path) -> None:
    told = told_of(tmp_path, WRONG)
    assert not any("geheim" in it or "names 'yard'" in it or "'x'" in it for it in told)
    assert len(told) == len(set(told)) == len(TOLD), "\n".join(told)


def test_they_come_in_the_order_of_their_lines_and_are_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [int(it.split("box.yaml:")[1].split(":")[0]) for it in told_of(tmp_path, WRONG)]
    assert lines == sorted(lines)
    assert main(["edge", "check", str(tmp_path / "box.yaml")]) == 2
    assert "door.key" in capsys.readouterr().err


def test_a_thousand_mistakes_are_told_in_part(tmp_path: Path) -> None:
    cameras = "".join(f"  - {{id: c{n}, url: 'rtsp:///'}}\n" for n in range(1_000))
    told = told_of(tmp_path, f"site: s\nbox: b\ncameras:\n{cameras}")
    assert len(told) == MOST + 1
    assert f"{1_000 - MOST} more" in told[-1]
