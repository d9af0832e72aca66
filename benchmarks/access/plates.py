"""`plates`: whole plates read exactly, and the time of a picture, against a general OCR of the whole picture.

Scenes go through everything that a gate does to one picture (find, straighten, read); crops are not looked for, only
straightened. A reading is confident from the confidence on at which a gate opens by default. Three crops carry a truth
that the eye does not confirm (`DOUBTFUL`); they count as wrong in `confident_wrong` all the same. Enlarged threefold
they are shown to the peer, which knows nothing of us: `confident_wrong_less_refuted` leaves out those whose truth it
refutes by reading what we read, `confident_wrong_less_doubtful` all three. The peer is rapidocr-onnxruntime 1.4.4 with
our grammar on every line that it finds; both take turns, picture by picture. It is installed for the run into a folder
of its own, with what it needs beside OpenCV.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from shared_clips import DATA

from benchmarks.machine import end, median
from common.errors import PaifangError
from edge.access.gates.factory import load_readers
from edge.settings.gates import GateSettings
from models.files.store import ModelStore, default_folder
from pipelines.plates.reading import Reading
from pipelines.types import Picture
from protocol.plate_grammar import MAINLAND, is_plate, normalise

CONFIDENT = GateSettings(name="any").confidence
PEER = ("rapidocr-onnxruntime==1.4.4", "pyclipper", "shapely", "six", "tqdm", "pillow")
DOUBTFUL = {
    "ep_0729.jpg": "ends in 8G to the eye, not in 86",
    "ep_0763.jpg": "begins with 浙 to the eye, not with 湘",
    "ep_0775.jpg": "begins with 津 to the eye, not with 蒙",
}
WORKER = """
import json, sys, time
import cv2
from rapidocr_onnxruntime import RapidOCR
ocr = RapidOCR()
for line in sys.stdin:
    picture = cv2.imread(line.rstrip("\\n"))
    began = time.perf_counter()
    found, _ = ocr(picture)
    ms = (time.perf_counter() - began) * 1000
    print(json.dumps([ms, [row[1] for row in found or []]]), flush=True)
"""


@dataclass(frozen=True)
class Result:
    """One picture."""

    file: str
    kind: str
    right: bool
    confidence: float
    ms: float


def run(quick: bool) -> dict[str, Any]:
    """All pictures; `--quick` takes every fourth scene and crop, and every green plate."""
    pipeline = load_readers(ModelStore(default_folder(os.environ, Path.home()))).pipeline(MAINLAND)
    step = 4 if quick else 1
    peer: list[Result] = []
    scene: list[Result] = []
    with _rapidocr() as ask:
        for row in _chosen("plates_cn_scene", step):
            path = DATA / "plates_cn_scene" / row["file"]
            picture = _picture(path)
            began = time.perf_counter()
            seen = pipeline.read_all_scales(picture)
            ms = (time.perf_counter() - began) * 1000
            scene.append(_judged(row, seen[0].reading if seen else None, ms))
            peer_ms, lines = ask(path)
            texts = {text for line in lines if is_plate(text := normalise(line))}
            peer.append(Result(row["file"], row["type"], row["plate"] in texts, float(bool(texts)), peer_ms))
        refuted = _refuted(pipeline, ask)
    crops = []
    for row in _chosen("plates_cn_crops", step):
        picture = _picture(DATA / "plates_cn_crops" / row["file"])
        began = time.perf_counter()
        reading = pipeline.crop(picture)
        crops.append(_judged(row, reading, (time.perf_counter() - began) * 1000))
    mixed = [
        _scene_only(pipeline.read_all_scales(_picture(DATA / "plates_cn_mixed" / row["file"])), row) for row in _mixed()
    ]
    return {
        "commands": ["python -m benchmarks plates" + (" --quick" if quick else "")],
        "figures": _figures(scene, crops, mixed, peer, refuted),
        "peers": {
            "rapidocr_exact_scene": _share(peer),
            "rapidocr_median_ms": round(median([each.ms for each in peer]), 1),
        },
    }


def _refuted(look: Any, ask: Any) -> set[str]:
    """Doubtful crops in which the peer reads what we read, and not what the truth says."""
    found = set()
    with tempfile.TemporaryDirectory() as folder:
        for name in DOUBTFUL:
            picture = _picture(DATA / "plates_cn_crops" / name)
            large = cv2.resize(picture, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
            path = Path(folder) / "large.png"
            cv2.imwrite(str(path), cv2.copyMakeBorder(large, 60, 60, 60, 60, cv2.BORDER_REPLICATE))
            reading = look.crop(picture)
            if reading is not None and reading.text.reveal() in {normalise(line) for line in ask(path)[1]}:
                found.add(name)
    return found


def _figures(
    scene: list[Result], crops: list[Result], mixed: list[Result], peer: list[Result], refuted: set[str]
) -> dict[str, float]:
    both = scene + crops
    wrong = [each for each in both if each.confidence >= CONFIDENT and not each.right]
    green = [each for each in scene + mixed if each.kind.startswith("green")]
    ours = median([each.ms for each in scene])
    return {
        "exact_scene": _share(scene),
        "exact_crops": _share(crops),
        "exact_green": _share(green),
        "exact_mixed": _share(mixed),
        "confident": round(sum(each.confidence >= CONFIDENT for each in both) / len(both), 4),
        "confident_wrong": round(len(wrong) / len(both), 4),
        "confident_wrong_less_refuted": round(sum(each.file not in refuted for each in wrong) / len(both), 4),
        "confident_wrong_less_doubtful": round(sum(each.file not in DOUBTFUL for each in wrong) / len(both), 4),
        "green_pictures": len(green),
        "median_ms": round(ours, 1),
        "median_ms_crops": round(median([each.ms for each in crops]), 1),
        "ratio_to_rapidocr": round(median([each.ms for each in peer]) / ours, 2),
    }


def _share(results: list[Result]) -> float:
    return round(sum(each.right for each in results) / max(1, len(results)), 4)


def _judged(row: dict[str, Any], reading: Reading | None, ms: float) -> Result:
    right = reading is not None and reading.text.reveal() == row["plate"]
    return Result(row["file"], row["type"], right, reading.confidence if reading else 0.0, ms)


def _scene_only(seen: list[Any], row: dict[str, Any]) -> Result:
    return _judged(row, seen[0].reading if seen else None, 0.0)


def _rows(folder: str) -> list[dict[str, Any]]:
    path = DATA / folder / "truth.jsonl"
    if not path.is_file():
        raise PaifangError(f"{path} is not there; the pictures lie beside the checkout")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _mixed() -> list[dict[str, Any]]:
    return _rows("plates_cn_mixed")


def _chosen(folder: str, step: int) -> list[dict[str, Any]]:
    rows = _rows(folder)
    return [row for number, row in enumerate(rows) if number % step == 0 or row["type"].startswith("green")]


def _picture(path: Path) -> Picture:
    return np.asarray(cv2.imread(str(path)), np.uint8)


@contextmanager
def _rapidocr() -> Iterator[Any]:
    """A process with the peer in it; ask(path) gives its milliseconds and its lines."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", folder, *PEER]
        subprocess.run(pip, check=True, capture_output=True)
        path = os.pathsep.join([folder, *sys.path])
        child = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"PYTHONPATH": path},
        )
        assert child.stdin is not None
        assert child.stdout is not None
        into, out = child.stdin, child.stdout

        def ask(picture: Path) -> tuple[float, list[str]]:
            into.write(f"{picture}\n")
            into.flush()
            answer = out.readline()
            if not answer:
                raise PaifangError("rapidocr ended; it needs pyclipper, shapely, six, tqdm and pillow")
            ms, lines = json.loads(answer)
            return float(ms), [str(line) for line in lines]

        try:
            yield ask
        finally:
            into.close()
            end(child)
