"""The drawn gate lane: its plates are read by the real readers, and the site's list knows two of them."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import pytest
from model_kit import obtain

from demo import demo_site, drawn_gate, sample_clips
from edge.access.gates.factory import load_readers
from models.files.store import ModelStore
from pipelines.types import Picture
from protocol.plate_grammar import choose


@pytest.fixture(scope="module")
def standing() -> list[Picture]:
    """Each vehicle while it stands."""
    whole_s = drawn_gate.COMES_S + drawn_gate.STANDS_S + drawn_gate.LEAVES_S + drawn_gate.EMPTY_S
    at = [round(drawn_gate.RATE * (number * whole_s + drawn_gate.COMES_S + 2)) for number in range(3)]
    return [it for number, it in enumerate(itertools.islice(drawn_gate.pictures(), at[-1] + 1)) if number in at]


@pytest.mark.parametrize("number", range(3))
def test_each_plate_is_read_while_its_vehicle_stands(
    model_store: ModelStore, standing: list[Picture], number: int
) -> None:
    obtain(model_store, "plate-find", "plate-read")
    for name in ("ppocr_det", "clp_rec"):
        model_store.fetch(name)
    pipeline = load_readers(model_store).pipeline(choose([], [drawn_gate.PATTERN]))
    seen = pipeline.read_all_scales(standing[number])
    texts = {it.reading.text.reveal() for it in seen if it.reading is not None and it.reading.confidence > 0.9}
    assert texts == {drawn_gate.PLATES[number]}


def test_the_clip_is_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn_gate, "STANDS_S", 1)  # drawing takes most of the time
    monkeypatch.setattr(drawn_gate, "EMPTY_S", 1)
    made = drawn_gate.clip(tmp_path)
    with av.open(str(made)) as container:
        video = container.streams.video[0]
        assert (video.width, video.height) == (drawn_gate.WIDTH, drawn_gate.HEIGHT)
        one_s = drawn_gate.COMES_S + drawn_gate.STANDS_S + drawn_gate.LEAVES_S + drawn_gate.EMPTY_S
        assert abs(video.frames - len(drawn_gate.PLATES) * one_s * drawn_gate.RATE) <= len(drawn_gate.PLATES)
    stamp = made.stat().st_mtime_ns
    assert drawn_gate.clip(tmp_path).stat().st_mtime_ns == stamp
    assert list(tmp_path.iterdir()) == [made]


def test_it_takes_the_gates_place_only_where_the_real_clip_is_missing() -> None:
    real = {sample_clips.TOLL.name: Path("toll.mp4")}
    drawn = {sample_clips.WALKWAY.name: Path("w.avi"), drawn_gate.NAME: Path("d.mp4")}
    assert [role.name for role in demo_site.roles(real)] == ["Main gate"]
    assert "Main gate (drawn)" in [role.name for role in demo_site.roles(drawn)]
    assert len({role.camera for role in demo_site.roles(drawn)}) == 3
