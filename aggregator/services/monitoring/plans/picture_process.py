"""The process that decodes an uploaded plan and encodes it anew: a file in, JSON and a WebP picture out.

It is the only code of the aggregator that decodes pictures, and it is given nothing but files that an installer has
sent as a plan. It is apart from the aggregator because decoders are attacked by files: memory and time are limited, it
has no credentials in its environment, and it ends with the picture. Run as
`python -I -m aggregator.services.monitoring.plans.picture_process`.
"""

from __future__ import annotations

import json
import resource
import sys

import cv2
import numpy as np
from numpy.typing import NDArray

LONGEST_PX = 2_048
"""Larger pictures are made smaller."""
MOST_KEPT_BYTES = 400_000
"""The page with the plan stays below 600 kB."""
MEMORY_BYTES, CPU_S = 3 << 29, 20
_QUALITIES = (90, 75, 55, 35, 15)
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_DEPTH_AT = 24
Pixels = NDArray[np.uint8]


class _Unusable(Exception):
    """The text has the reason, and what to send instead."""


def main() -> None:
    """Read a file from the standard input; write one line of JSON, and after it the picture."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    cv2.setNumThreads(1)
    answer: dict[str, object]
    webp = b""
    try:
        pixels = _small(_decoded(sys.stdin.buffer.read()))
        webp = _encoded(pixels)
        answer = {"width": pixels.shape[1], "height": pixels.shape[0]}
    except _Unusable as error:
        answer = {"problem": str(error)}
    except (cv2.error, MemoryError, ValueError):
        answer = {"problem": "it cannot be decoded; send a PNG, JPEG or WebP picture"}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + webp)


def _decoded(data: bytes) -> Pixels:
    """H x W x 3 or 4, BGR and perhaps alpha, upright."""
    deep = data.startswith(_PNG) and data[_DEPTH_AT] > 8
    how = cv2.IMREAD_COLOR if deep or data.startswith(_JPEG) else cv2.IMREAD_UNCHANGED
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    if pixels is None:
        raise _Unusable("it cannot be decoded; send a PNG, JPEG or WebP picture")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR) if pixels.ndim == 2 else pixels, np.uint8)


def _small(pixels: Pixels) -> Pixels:
    """H x W x 3 BGR, at most `LONGEST_PX` on each side, on white where it was transparent."""
    scale = min(1.0, LONGEST_PX / max(pixels.shape[:2]))
    if scale < 1:
        size = [max(1, round(side * scale)) for side in pixels.shape[1::-1]]
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    if pixels.shape[2] == 3:
        return pixels
    alpha = pixels[..., 3:].astype(np.float32) / 255
    return np.asarray((pixels[..., :3] * alpha + 255 * (1 - alpha)).round(), np.uint8)


def _encoded(pixels: Pixels) -> bytes:
    for quality in _QUALITIES:
        done, webp = cv2.imencode(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, quality])
        if done and len(webp) <= MOST_KEPT_BYTES:
            return bytes(webp)
    raise _Unusable("it has too much detail for a plan; send a drawing, or a smaller picture")


if __name__ == "__main__":
    main()
