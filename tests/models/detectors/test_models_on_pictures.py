"""What the models find on the pictures beside the checkout, where they are; the contract test runs anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from model_kit import all_obtainable

from models.detector_factory import open_model
from models.detectors.clp_det import ClpDet
from models.detectors.nms import overlaps
from models.detectors.ppocr_det import PpocrDet
from models.files.store import ModelStore
from pipelines.types import CLASSES, Picture

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def truth(folder: str, most: int) -> list[tuple[Picture, dict[str, Any]]]:
    rows = [json.loads(line) for line in (DATA / folder / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    chosen = rows[:: max(1, len(rows) // most)]
    return [(np.asarray(cv2.imread(str(DATA / folder / row["file"])), np.uint8), row) for row in chosen]


if (DATA / "faces_scene").is_dir():

    def test_faces_are_found_by_both(model_store: ModelStore) -> None:
        pictures = truth("faces_scene", 12)
        for name in all_obtainable(model_store, "faces-to-blur"):
            detector = open_model(name, model_store)
            found = wanted = 0
            for picture, row in pictures:
                faces = np.array([f["box"] for f in row["faces"] if f["kind"] == "face"], np.float32).reshape(-1, 4)
                shares = overlaps(faces, detector.detect(picture).boxes)
                found += int((shares.max(axis=1, initial=0) > 0.4).sum())
                wanted += len(faces)
            assert found >= 0.97 * wanted, name


if (DATA / "plates_cn_scene").is_dir():

    def test_plates_are_found_with_their_corners(model_store: ModelStore) -> None:
        pictures = [(p, r) for p, r in truth("plates_cn_scene", 14) if "corners" in r]
        for name in all_obtainable(model_store, "plate-find"):
            detector = open_model(name, model_store)
            assert isinstance(detector, ClpDet | PpocrDet)
            errors = []
            for picture, row in pictures:
                plates, corners = detector.find(picture)
                assert corners.shape == (len(plates), 4, 2)
                shares = overlaps(np.array([row["box"]], np.float32), plates.boxes)
                if shares.max(initial=0) > 0.5:
                    expected = np.array(row["corners"], np.float32)[[2, 3, 0, 1]]
                    apart = np.linalg.norm(corners[shares.argmax()] - expected, axis=1).mean()
                    errors.append(apart / np.ptp(expected[:, 0]))
            assert len(errors) >= 0.9 * len(pictures), name
            assert np.median(errors) < 0.08, name


if (DATA / "video_people_vehicles").is_dir():

    def test_people_are_found_by_both(model_store: ModelStore) -> None:
        with av.open(str(DATA / "video_people_vehicles" / "vtest_frames0-396_h264.mp4")) as clip:
            kept = [frame for i, frame in enumerate(clip.decode(video=0)) if i % 100 == 0]
            frames = [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in kept]
        for name in all_obtainable(model_store, "objects"):
            detector = open_model(name, model_store)
            for frame in frames:
                classes = [CLASSES[each] for each in detector.detect(frame).classes]
                assert classes.count("person") >= 3, name
