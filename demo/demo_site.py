"""The demonstration's village: which clip is which camera, and the settings of its box and aggregator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from demo import drawn_gate, sample_clips

TRUST, FOOTAGE = "village.trust", "footage"
SITE, BOX, TIMEZONE = "village", "gate-1", "Asia/Shanghai"
_VEHICLES = ["car", "bus", "truck"]
_WALKWAY: dict[str, Any] = {
    "zones": [
        {
            "name": "forecourt",
            "polygon": [[0.3, 0.3], [0.75, 0.3], [0.85, 0.95], [0.2, 0.95]],
            "report": ["entered", "left"],
            "crowded_above": 4,
            "loitering_s": 20,
        }
    ],
    "lines": [{"name": "middle", "points": [[0.5, 0.1], [0.5, 0.98]]}],
}
_LANE: dict[str, Any] = {
    "zones": [
        {"name": "lane", "polygon": [[0.02, 0.3], [0.98, 0.3], [0.98, 0.98], [0.02, 0.98]], "objects": _VEHICLES}
    ],
    "lines": [{"name": "barrier", "points": [[0.0, 0.5], [1.0, 0.5]], "objects": _VEHICLES}],
}
_HALLWAY: dict[str, Any] = {
    "zones": [{"name": "hall", "polygon": [[0.05, 0.2], [0.95, 0.2], [0.95, 0.99], [0.05, 0.99]], "loitering_s": 8}]
}
_ANYWHERE: dict[str, Any] = {
    "zones": [
        {
            "name": "picture",
            "polygon": [[0.05, 0.05], [0.95, 0.05], [0.95, 0.99], [0.05, 0.99]],
            "objects": ["person", "bicycle", "motorcycle", *_VEHICLES],
        }
    ]
}


PLATES = drawn_gate.PATTERN
"""What plates look like in the clips: the gate and the site's list have the same grammar."""
_GATE: dict[str, Any] = {"gate": {"name": "main-gate", "grammars": [], "patterns": [PLATES]}}
BESIDE: dict[str, Any] = {"trust_file": TRUST, "recorder": {"enabled": True, "folder": FOOTAGE, "reserve_mb": 1024}}
GRAMMARS = [f"pattern:{PLATES}"]
"""The same for the site's list."""
DOORS = {"hall-door": "Hall door", "gym-door": "Gym door"}
"""Simulated doors: id → name."""


@dataclass(frozen=True, eq=False)
class DemoCamera:
    """One camera of the demonstration.

    Attributes:
        camera: Its id and path on the RTSP server.
        name: For people.
        clip: The clip's file name.
        rules: Zones and lines.
        codec: What it is encoded as.
        crop: Left and right edge of the clip that it sees.
        watch: The camera's mode.
    """

    camera: str
    name: str
    clip: str
    rules: dict[str, Any]
    codec: str = "h264"
    crop: tuple[float, float] = (0.0, 1.0)
    watch: str = "every-frame"


ROLES: tuple[DemoCamera, ...] = (
    DemoCamera("walkway", "Walkway", sample_clips.WALKWAY.name, _WALKWAY),
    DemoCamera("lane", "Gate lane", sample_clips.LANE.name, _LANE),
    DemoCamera("hallway", "Hallway", sample_clips.HALLWAY.name, _HALLWAY, codec="hevc"),
    DemoCamera("gate", "Main gate", sample_clips.TOLL.name, _GATE),
    DemoCamera(
        "walkway-west", "Walkway west", sample_clips.WALKWAY.name, _ANYWHERE, crop=(0.0, 0.5), watch="key-frames"
    ),
)


DRAWN_GATE = DemoCamera("gate", "Main gate (drawn)", drawn_gate.NAME, _GATE)
"""Takes the main gate's place where its clip cannot be had."""


def roles(found: dict[str, Path]) -> dict[DemoCamera, Path]:
    """The cameras whose clips are there."""
    return {role: found[role.clip] for role in (*ROLES, DRAWN_GATE) if role.clip in found}


def given(sources: Sequence[str]) -> dict[DemoCamera, str]:
    """Cameras of the user's own: RTSP addresses or files."""
    return {
        DemoCamera(f"camera-{i}", f"Camera {i}", Path(source).name, _ANYWHERE): source
        for i, source in enumerate(sources, 1)
    }


def box_settings(
    urls: dict[DemoCamera, str], broker_port: int, status_port: int, doors_port: int | None = None, *,
    uplink: str = "", recorder: bool = False,
) -> str:  # fmt: skip
    """The box's settings as YAML; the broker's password lies beside them in `broker.password`.

    Args:
        urls: Each camera's address.
        broker_port: The broker's.
        status_port: For the box's health.
        doors_port: Of the simulated doors, with a `village.trust` beside the settings; None: no doors, no trust.
        recorder: With recorder and trust file where there are no doors too.
        uplink: The aggregator's address, for live views, clips and clear copies; empty: none of these.
    """
    doors = [
        {"id": door, "name": name, "control": {"kind": "simulator", "port": doors_port}} for door, name in DOORS.items()
    ]
    cameras = [
        {"id": role.camera, "name": role.name, "url": url, "watch": role.watch, **role.rules}
        for role, url in urls.items()
    ]
    return yaml.safe_dump(
        {
            "site": SITE,
            "box": BOX,
            "timezone": TIMEZONE,
            "data": "box",
            "status_port": status_port,
            "broker": {"port": broker_port, "username": "box", "password_file": "broker.password"},
            "cameras": cameras,
            **(BESIDE if recorder or doors_port is not None else {}),
            **({"doors": doors} if doors_port is not None else {}),
            **({"uplink": {"url": uplink}} if uplink else {}),
        },
        sort_keys=False,
    )


def aggregator_settings(http_port: int, broker_port: int) -> str:
    """The aggregator's settings as YAML."""
    return yaml.safe_dump(
        {
            "data": "aggregator",
            "http": {"port": http_port},
            "broker": {"kind": "embedded", "port": broker_port},
            "feeds": {"networks": ["127.0.0.0/8"]},  # receivers of an integrator who tries the feeds on this machine
            "sites": {SITE: {"name": "Paifang village", "timezone": TIMEZONE, "grammars": GRAMMARS}},
        },
        sort_keys=False,
    )
