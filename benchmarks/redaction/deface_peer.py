"""The peer of `redact`: `deface` 1.5.0 from PyPI, in a folder of its own, run as it comes.

It is installed with `pip install --target FOLDER --no-deps`, with what it imports and is not here already; OpenCV,
NumPy and onnxruntime are the ones of this environment, so that both sides run on the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.errors import PaifangError

PACKAGES = (
    "deface==1.5.0",
    "imageio==2.38.1",
    "imageio-ffmpeg",
    "scikit-image",
    "tqdm",
    "lazy_loader",
    "pillow",
    "scipy",
)

FILM = """
import json, sys, time
from deface.centerface import CenterFace
from deface.deface import video_detect
finder = CenterFace(in_shape=None, backend="auto")
start = time.monotonic()
video_detect(ipath=sys.argv[1], opath=sys.argv[2], centerface=finder, threshold=0.2, enable_preview=False, cam=False,
             nested=False, replacewith="blur", mask_scale=1.3, ellipse=True, draw_scores=False,
             ffmpeg_config={"codec": "libx264"})
print(json.dumps({"seconds": time.monotonic() - start}))
"""
"""Its own function with the defaults of its command line (scale: the picture's own), timed without its start-up."""

PICTURES = """
import json, sys
import cv2
from deface.centerface import CenterFace
from deface.deface import scale_bb
finder = CenterFace(in_shape=None, backend="auto")
for path in sys.argv[1:]:
    found, _ = finder(cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB), threshold=0.2)
    print(json.dumps({"boxes": [[int(v) for v in scale_bb(*row[:4].astype(int), 1.3)] for row in found]}))
"""
"""What it would blur in pictures; whole boxes, though it blurs the ellipse inside."""


def install(folder: Path) -> None:
    """Bring it there.

    Raises:
        PaifangError: It cannot be had; pip's own words.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "--no-deps", *PACKAGES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PaifangError(f"the peer cannot be installed: {done.stderr[-400:]}")


def blur(folder: Path, film: Path, out: Path) -> float:
    """Seconds that it takes for a video: decode, find, blur, encode."""
    return float(_run(folder, FILM, [film, out])[-1]["seconds"])


def boxes(folder: Path, pictures: Sequence[Path]) -> list[list[list[float]]]:
    """What it would blur in each picture, x1 y1 x2 y2."""
    return [line["boxes"] for line in _run(folder, PICTURES, pictures)]


def _run(folder: Path, script: str, arguments: Sequence[Path]) -> list[dict[str, Any]]:
    environment = os.environ | {"PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise PaifangError(f"the peer failed: {done.stderr[-400:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
