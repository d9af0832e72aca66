"""Pictures of plans: checked, and encoded anew by a process of its own, so that only the pixels of a file are kept.

PNG, JPEG and WebP; no SVG, which can hold scripts. The size is read from the header before anything is decoded: a small
file can hold a picture of any size.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass

import msgspec

from common.decoding import JsonDecoder
from common.errors import PlanError

MOST_PIXELS = 25_000_000
LEAST_PX = 50
COMMAND = (sys.executable, "-I", "-m", "aggregator.services.monitoring.plans.picture_process")
TIMEOUT_S = 30.0
_ENVIRONMENT = {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"}
"""Nothing of this process's own, which may hold credentials."""
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_FORMS = "send a PNG, JPEG or WebP picture"


class _Answer(msgspec.Struct):
    """The answer of the process. It has decoded a hostile file, so its answer is checked."""

    width: int = 0
    height: int = 0
    problem: str = ""


_ANSWER = JsonDecoder(_Answer, "picture", PlanError)


@dataclass(frozen=True)
class PlanPicture:
    """What is kept: WebP without metadata.

    Attributes:
        digest: SHA-256, hexadecimal.
    """

    webp: bytes
    width_px: int
    height_px: int
    digest: str


def recoded(data: bytes) -> PlanPicture:
    """A plan's picture from an uploaded file. Takes a second or longer: not on the event loop.

    Raises:
        PlanError: It is no picture, or its size is not allowed; the text names the fix.
    """
    width, height = size_of(data)
    if min(width, height) < LEAST_PX or width * height > MOST_PIXELS:
        raise PlanError(
            f"picture: it has {width} x {height} pixels; at least {LEAST_PX} on each side and at most "
            f"{MOST_PIXELS // 1_000_000} million in all are allowed"
        )
    try:
        done = subprocess.run(
            COMMAND, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_ENVIRONMENT, timeout=TIMEOUT_S,
            check=False, start_new_session=True,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PlanError(f"picture: it could not be decoded in time; {_FORMS}, or a smaller one") from error
    head, _, webp = done.stdout.partition(b"\n")
    answer = _ANSWER.decode(head or b"{}")
    if not answer.width or not answer.height or not webp:
        raise PlanError(f"picture: {answer.problem or f'it cannot be decoded; {_FORMS}'}")
    return PlanPicture(webp, answer.width, answer.height, hashlib.sha256(webp).hexdigest())


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height in pixels, from the header.

    Raises:
        PlanError: It is none of the three formats.
    """
    found: tuple[int, int] | None = None
    if data.startswith(_PNG) and data[12:16] == b"IHDR":
        found = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    elif data.startswith(_JPEG):
        found = _jpeg_size(data)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        found = _webp_size(data)
    if found is None:
        raise PlanError(f"picture: this is no picture of a known format; {_FORMS}")
    return found


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """From the first frame header (ISO/IEC 10918-1, B.2.2)."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xFF:  # a fill byte
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        else:
            at += 2 + max(2, length)
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """From the first chunk (RFC 9649)."""
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        return None
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return None
