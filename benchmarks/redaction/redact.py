"""`redact`: how fast a video is covered, beside `deface` 1.5.0 at its default scale, and what is left open.

Every figure but `rss_mb` is given for each face model that can be chosen, as `MODEL_FIGURE`.

- `fps`, `ratio_to_deface`: frames a second from file to file (decode, find, cover, encode), faces only on both sides,
  over the same clips, taking turns; start-up and loading of models are left out on both sides. `fps_with_plates`: ours
  again with plates. `WxH_...`: by size.
- `recall`: truth boxes of `faces_scene` that are covered by 80 % in the export of a clip made of each picture.
  `recall_deface`: the same for what deface would blur; the truth began as proposals of the detector that deface uses,
  so this flatters deface, and says little about faces that neither finds.
- `leak_per_1000_upper`: of the faces that the other face model sees at 960 pixels with a score of 0.5 or more in the
  clear clips, those that are not covered, per 1,000: upper end of a one-sided 95 % interval (Clopper-Pearson). Frames
  of one clip are not independent, and what a detector takes for a face is not always one: `leaks` and `leak_faces`
  are the counts.
  The clips hold too few faces for a bound of 1 in 1,000, so `..._varied` adds the three clips of faces mirrored,
  scaled, lighter, darker and noisier (`VARIATIONS`): more frames, not more people.
- `giant_per_1000`: frames in which one mask, of a face or a plate, hides more than 15 % of the picture, per 1,000.
- `rss_mb`: peak memory of `paifang redact` on the longest clip.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from redact_kit import (
    COVERED,
    STILL_FRAMES,
    VARIATIONS,
    Watched,
    plans,
    render,
    share_covered,
    still_clip,
    truths,
    upper_bound,
    varied,
    watch,
)
from shared_clips import DATA, PEOPLE_VEHICLES, clip

from benchmarks.machine import median
from benchmarks.redaction import deface_peer
from common.errors import PaifangError
from common.running.malloc_tuning import give_back_large_blocks
from edge.redaction.factory import export_redactor
from edge.redaction.two_pass_redactor import ExportRedactor
from edge.redaction.video_reader import film_of
from models.detector_factory import open_model
from models.files.store import ModelStore
from models.session import Options
from pipelines.types import Detector, Picture

JUDGES = {"yunet_n": "centerface", "centerface": "yunet_n"}
"""Face model → the model that looks for what it left open."""
SECOND_PX, SECOND_SCORE = 960, 0.5
SMALL = ("intel_gif_face-demographics-walking.mp4", "intel_gif_head-pose-face-detection-female-and-male.mp4")
FACELESS = "intel_gif_worker-zone-detection.mp4"
WALK = "vtest_frames0-396_h264.mp4"
LONGEST = "one-by-one-person-detection.mp4"
STEPS = {WALK: 1, LONGEST: 6, "car-detection.mp4": 12, "bgs_video.avi": 12, "gate_seg1.mp4": 3}
"""Each so many frames are shown to the second detector; all of the other clips."""


def run(quick: bool) -> dict[str, Any]:
    """Speed, recall, leaks and giant masks of each face model; memory of the first choice."""
    cv2.setNumThreads(1)
    give_back_large_blocks()  # as the command does
    store = model_store()
    figures: dict[str, float] = {}
    peers: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        deface_peer.install(folder / "peer")
        for model in JUDGES:
            faces, both = (export_redactor(store, only, face_model=model) for only in (True, False))
            fast, peer = speed(folder, faces, both, quick)
            found = fast | recalls(folder, faces, quick) | covered(folder, both, second_opinion(store, model), quick)
            figures |= {f"{model}_{key}": value for key, value in found.items()}
            peers |= {f"{model}_{key}": value for key, value in peer.items()}
        figures["rss_mb"] = peak_mb(clip(WALK if quick else LONGEST), folder, store)
    return {
        "commands": ["python -m benchmarks redact" + (" --quick" if quick else "")],
        "figures": figures,
        "peers": peers,
    }


def covered(folder: Path, redactor: ExportRedactor, second: Detector, quick: bool) -> dict[str, float]:
    """What is left open, and giant masks. A quick run leaves bounds out: one from a few faces says nothing."""
    plain = watch_clips(redactor, second, 12 if quick else 1)
    figures: dict[str, float] = {
        "leak_faces": plain.seen,
        "leaks": plain.left,
        "giant_frames": plain.giant,
        "giant_per_1000": round(1000 * plain.giant / plain.frames, 2),
    }
    if quick:
        return figures
    varied_too = watch_varied(redactor, second, folder, plain)
    return figures | {
        "leak_per_1000_upper": round(1000 * upper_bound(plain.left, plain.seen), 2),
        "leak_faces_varied": varied_too.seen,
        "leaks_varied": varied_too.left,
        "leak_per_1000_upper_varied": round(1000 * upper_bound(varied_too.left, varied_too.seen), 2),
    }


def model_store() -> ModelStore:
    """The models, fetched where they are missing."""
    folder = os.environ.get("PAIFANG_TEST_MODELS") or Path.home() / ".cache" / "paifang-tests" / "models"
    store = ModelStore(Path(folder))
    for name in ("yunet_n", "centerface", "clp_det"):
        if not store.has(name):
            store.fetch(name)
    return store


def speed(
    folder: Path, faces: ExportRedactor, plates: ExportRedactor, quick: bool
) -> tuple[dict[str, float], dict[str, float]]:
    """Frames a second of both sides, clip by clip in turns."""
    figures: dict[str, float] = {}
    peers: dict[str, float] = {}
    frames = 40 if quick else 150
    clips = [cut(clip(WALK), folder / "walk.mp4", frames), small(folder / "small.mp4", frames)]
    ours, with_plates, theirs = [], [], []
    for film, size in zip(clips, ("768x576", "480x270"), strict=True):
        rounds: list[tuple[float, float, float]] = []
        for turn in range(1 if quick else 2):
            out = folder / f"{size}-{turn}.mp4"
            mine, more = timed(faces, film, out), timed(plates, film, out)
            rounds.append((mine, more, deface_peer.blur(folder / "peer", film, out)))
        a, b, c = (median([it[side] for it in rounds]) for side in range(3))
        figures |= {f"{size}_fps": round(frames / a, 1), f"{size}_ratio": round(c / a, 2)}
        peers[f"{size}_fps"] = round(frames / c, 1)
        ours.append(a)
        with_plates.append(b)
        theirs.append(c)
    total = frames * len(clips)
    figures = {
        "fps": round(total / sum(ours), 1),
        "ratio_to_deface": round(sum(theirs) / sum(ours), 2),
        "fps_with_plates": round(total / sum(with_plates), 1),
    } | figures
    return figures, {"fps": round(total / sum(theirs), 1)} | peers


def timed(redactor: ExportRedactor, film: Path, out: Path) -> float:
    """Seconds of one export."""
    out.unlink(missing_ok=True)
    start = time.monotonic()
    redactor.redact(film_of(film), out)
    seconds = time.monotonic() - start
    out.unlink()
    return seconds


def recalls(folder: Path, faces: ExportRedactor, quick: bool) -> dict[str, float]:
    """Share of true faces that are covered: ours in the export of clips, deface's on the same frames."""
    total = ours = theirs = 0
    labelled = [it for it in truths() if it.faces][:: 3 if quick else 1]
    stills = []
    for truth in labelled:
        middle = [
            item for number, item in enumerate(plans(faces, still_clip(truth, folder))) if number == STILL_FRAMES // 2
        ]
        shot, covers, _ = middle[0]
        total += len(truth.faces)
        ours += sum(share_covered(face, covers) >= COVERED for face in truth.faces)
        stills.append(folder / f"{truth.file.stem}.png")
        cv2.imwrite(str(stills[-1]), shot.frame.to_ndarray(format="bgr24"))
    for truth, boxes in zip(labelled, deface_peer.boxes(folder / "peer", stills), strict=True):
        theirs += sum(share_covered(face, boxes) >= COVERED for face in truth.faces)
    return {"recall": round(ours / total, 4), "recall_deface": round(theirs / total, 4)}


def second_opinion(store: ModelStore, model: str) -> Detector:
    """The detector that looks for what a model left open: another one."""
    return open_model(JUDGES[model], store, Options(long_side=SECOND_PX, threshold=SECOND_SCORE))


def watch_varied(redactor: ExportRedactor, second: Detector, folder: Path, plain: Watched) -> Watched:
    """As `watch_clips`, whose counts are `plain`, and the same of every variation of the clips of faces."""
    total = plain
    for name in sorted(it.name for it in PEOPLE_VEHICLES.glob("intel_gif_*") if it.name != FACELESS):
        for number, variation in enumerate(VARIATIONS):
            film = varied(PEOPLE_VEHICLES / name, variation, folder / f"varied-{number}.mp4", number)
            total = total.plus(watch(redactor, film, second, 1))
    return total


def watch_clips(redactor: ExportRedactor, second: Detector, sparse: int) -> Watched:
    """What a second detector sees in the clips, and giant masks."""
    total = Watched()
    for path in [*sorted(PEOPLE_VEHICLES.iterdir()), DATA / "video_gate_plates" / "gate_seg1.mp4"]:
        if path.suffix in (".mp4", ".avi"):
            total = total.plus(watch(redactor, path, second, STEPS.get(path.name, 1) * sparse))
    return total


def peak_mb(film: Path, folder: Path, store: ModelStore) -> float:
    """Peak resident memory of the command."""
    data = folder / "data"
    data.mkdir()
    (data / "models").symlink_to(store.folder.resolve())
    command = [sys.executable, "-m", "paifang.cli", "redact", str(film), str(folder / "peak.mp4"), "--json"]
    process = subprocess.Popen(command, env=os.environ | {"PAIFANG_DATA": str(data)}, stdout=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:  # the kernel's own high-water mark; that of `wait` begins with this process's size
        peak = max(peak, _high_water_mb(process.pid))
        time.sleep(0.05)
    if process.returncode:
        raise PaifangError("paifang redact failed")
    return round(peak, 1)


def _high_water_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def cut(film: Path, target: Path, frames: int) -> Path:
    """A clip's first frames."""
    with av.open(str(film)) as container:
        taken = [
            np.asarray(it.to_ndarray(format="bgr24"), np.uint8)
            for it, _ in zip(container.decode(video=0), range(frames), strict=False)
        ]
    return render(taken, target)


def small(target: Path, frames: int) -> Path:
    """The small clips of faces, one after another and again until there are enough frames."""
    pictures = [picture for name in SMALL for picture in _pictures(clip(name))]
    return render([pictures[number % len(pictures)] for number in range(frames)], target)


def _pictures(film: Path) -> Iterator[Picture]:
    with av.open(str(film)) as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
