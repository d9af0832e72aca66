from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import SettingsError
from edge.settings.node import load

GOOD = """
site: village
box: gate-1
timezone: Asia/Shanghai
schedules:
  night: [{from: "22:00", to: "06:00"}]
cameras:
  - id: yard
    url: rtsp://10.0.0.5/main
    zones:
      - name: forecourt
        polygon: [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]
        schedule: night
    lines:
      - name: gate
        points: [[0, 0.5], [1, 0.5]]
"""


def check(tmp_path: Path, text: str) -> None:
    path = tmp_path / "box.yaml"
    path.write_text(text)
    load(path)


def test_a_good_file_loads(tmp_path: Path) -> None:
    check(tmp_path, GOOD)


@pytest.mark.parametrize(
    ("old", "new", "line", "named"),
    [
        ("timezone:", "timezon:", 4, "did you mean 'timezone'"),
        ("polygon:", "poligon:", 12, "did you mean 'polygon'"),
        ("from:", "form:", 6, "did you mean 'from'"),
        ("Asia/Shanghai", "Asia/Shangri-La", 2, "IANA"),
        ("site: village", "site: 'vil lage'", 2, "site"),
        ("site: village\n", "", 2, "'site' is missing"),
        ("[0.9, 0.1], [0.9, 0.9]", "[0.9, 0.1]", 11, "at least three"),
        ("[[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]", "[[0, 0], [1, 1], [1, 0], [0, 1]]", 11, "crosses itself"),
        ("[[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]", "[[0, 0], [0.5, 0.5], [1, 1]]", 11, "no area"),
        ("[0.9, 0.9]]", "[0.9, 9]]", 12, "polygon"),
        ("schedule: night", "schedule: nigth", 13, "'nigth'"),
        ("rtsp://10", "rtsp://admin:secret@10", 8, "username and password_file"),
        ("rtsp://10", "http://10", 8, "rtsp://"),
        ("[[0, 0.5], [1, 0.5]]", "[[0.5, 0.5], [0.5, 0.5]]", 15, "same place"),
        ('to: "06:00"', 'to: "6 am"', 6, "to"),
        ("    url: rtsp://10.0.0.5/main", "    url: a\n    url: b", 10, "twice"),
        ("    lines:", "    objects: [person]\n    lines:", 14, "unknown key 'objects'"),
    ],
)
def test_a_wrong_key_is_named_with_file_line_and_fix(tmp_path: Path, old: str, new: str, line: int, named: str) -> None:
    assert old in GOOD
    with pytest.raises(SettingsError) as caught:
        check(tmp_path, GOOD.replace(old, new, 1))
    assert named in str(caught.value)
    assert str(tmp_path / "box.yaml") in caught.value.where
    assert caught.value.where.endswith(f":{line}"), caught.value.where


def test_the_password_of_a_url_is_not_repeated_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        check(tmp_path, GOOD.replace("rtsp://10", "rtsp://admin:hunter2@10"))
    assert "hunter2" not in str(caught.value)


def test_two_cameras_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="'yard' stands there twice"):
        check(tmp_path, GOOD + "  - {id: yard, url: rtsp://h/x}\n")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("broker: {password_file: nowhere.txt}", "nowhere.txt"),
        ("broker: {cert_file: a.pem, tls: true}", "cert_file and key_file"),
        ("broker: {ca_file: a.pem}", "tls: true"),
        ("broker: {port: 70000}", "port"),
        ("outbox: {max_mb: 0}", "max_mb"),
        ("site: [", "not YAML"),
        ("? {a: 1}\n: 2", "unknown key"),
        ("evil: !!python/object/apply:os.system ['true']", "evil"),
    ],
)
def test_other_mistakes(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        check(tmp_path, GOOD + text + "\n")


DOOR = "doors:\n  - {id: front, control: {kind: osdp, port: /dev/ttyS0, address: 1, key_file: door.key}}\n"


@pytest.mark.parametrize(
    ("relay", "doors", "named"),
    [
        (
            "{kind: http, url: http://h/x, secret_file: relay.txt}",
            "",
            r"cameras\[0\].gate.relay.secret_file.*relay.txt",
        ),
        ("{kind: http, url: http://h/x, username: u, password_file: p.txt}", "", r"gate.relay.password_file.*p.txt"),
        ("{kind: simulated}", DOOR, r"doors\[0\].control.key_file.*door.key"),
        ("{kind: osdp, door: back}", DOOR, "names door 'back'; doors with outputs: front"),
        ("{kind: osdp, door: back}", "", "doors with outputs: there are none"),
    ],
)
def test_what_relays_and_doors_need_is_looked_for(tmp_path: Path, relay: str, doors: str, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        check(tmp_path, GOOD + f"    gate: {{name: lane, relay: {relay}}}\n{doors}")


def test_a_file_that_a_command_makes_later_may_be_missing(tmp_path: Path) -> None:
    (tmp_path / "door.key").write_text("00" * 16)
    doors = DOOR.replace("key_file: door.key", "key_file: door.key, allowed_file: cards")
    check(tmp_path, GOOD + "    gate: {name: lane, relay: {kind: osdp, door: front}}\n" + doors)


def test_two_gates_of_one_name_are_refused(tmp_path: Path) -> None:
    gate = "    gate: {name: lane}\n"
    with pytest.raises(SettingsError, match="two gates have the name 'lane'"):
        check(tmp_path, GOOD + gate + "  - id: back\n    url: rtsp://h/x\n" + gate)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path / "none.yaml")


def test_every_example_loads() -> None:
    examples = sorted((Path(__file__).parents[3] / "configs").glob("box*.yaml"))
    assert examples
    for path in examples:
        load(path)
