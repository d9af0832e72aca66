"""`edge check` finds doors that cannot work beside each other, all of them at once."""

from __future__ import annotations

import pytest

from common.errors import SettingsError
from common.settings_loader import loads
from edge.settings.node import BoxSettings

BOX = """
site: village
box: gate-1
cameras:
  - id: lane
    url: rtsp://h/x
    lines: [{name: way, points: [[0.1, 0.6], [0.9, 0.6]], objects: [car]}]
    gate: {name: lane, relay: {kind: %s}}
doors:
%s
"""
MQTT = "kind: mqtt, host: h, topic: t, words: {a: granted}"
OSDP = "kind: osdp, key_file: k"
ONVIF = "kind: onvif, host: h"


def told(doors: list[str], relay: str = "simulated") -> list[str]:
    """The problems of a box with these doors' settings, named a, b, c."""
    named = [f"  - {{id: {name}, {text}}}" for name, text in zip("abcd", doors, strict=False)]
    try:
        loads(BOX % (relay, "\n".join(named)), BoxSettings)
    except SettingsError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize(
    ("doors", "problem"),
    [
        ([MQTT, MQTT], "'b' and 'a' both have topic 't' at h:1883"),
        ([MQTT, f"{MQTT}, username: other"], "'b' and 'a' both have topic"),
        ([f"{OSDP}, port: /dev/x, address: 1"] * 2, "'b' and 'a' both have address 1 on /dev/x"),
        ([f"{OSDP}, port: /dev/x, address: {n}, baud: {9600 * n}" for n in (1, 2)], "a bus has one"),
        ([f"{ONVIF}, token: t"] * 2, "both have token 't' at h:80"),
        ([f"{ONVIF}, token: {n}, points: [p]" for n in "tu"], "both have point 'p' at h:80"),
        (["kind: simulator, port: 9000", "kind: webhook, key_file: k, port: 9000"], "listens on port 9000 already"),
        ([f"kind: webhook, key_file: k, host: {it}" for it in ("127.0.0.1", "0.0.0.0")], "listens on port 9410"),
    ],
)
def test_two_doors_that_are_one_are_refused(doors: list[str], problem: str) -> None:
    found = told([f"control: {{{it}}}" for it in doors])
    assert len(found) == 1
    assert problem in found[0]


@pytest.mark.parametrize(
    "doors",
    [
        [MQTT, MQTT.replace("topic: t", "topic: u"), MQTT.replace("host: h", "host: i")],
        [f"{OSDP}, port: /dev/{port}, address: {n}" for port, n in (("x", 1), ("x", 2), ("y", 1))],
        [f"{ONVIF}, token: t, points: [p, p]", f"{ONVIF}, token: u", f"{ONVIF}, token: t, port: 81"],
        ["kind: simulator", "kind: simulator", "kind: webhook, key_file: k", "kind: webhook, key_file: k"],
    ],
)
def test_doors_that_share_a_controller_are_not(doors: list[str]) -> None:
    assert told([f"control: {{{it}}}" for it in doors]) == []


def test_all_mistakes_of_doors_and_gates_are_told_at_once() -> None:
    simulator = "control: {kind: simulator}"
    doors = [
        f"camera: nowhere, {simulator}",
        f"camera: lane, passage: {{line: nope}}, {simulator}",
        f"camera: lane, passage: {{line: way}}, held: [{{schedule: never}}], {simulator}",
        f"control: {{{MQTT}}}",
    ]
    found = told(doors, "osdp, door: d")
    assert len(found) == 5
    parts = ("'a': camera 'nowhere'", "'b': passage.line 'nope'", "'c': schedule 'never'", "'c': line 'way' must count")
    for part in (*parts, "relay names door 'd'; doors with outputs: a, b, c"):
        assert any(part in line for line in found)
