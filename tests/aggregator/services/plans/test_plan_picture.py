"""Uploaded pictures of plans: three formats, bounded, and nothing of the file is kept but its pixels."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest

from aggregator.services.monitoring.plans.picture_process import LONGEST_PX, MOST_KEPT_BYTES
from aggregator.services.monitoring.plans.plan_picture import recoded, size_of
from common.errors import PlanError


def drawn(width: int = 320, height: int = 200, channels: int = 3) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    picture = np.full((height, width, channels), 255, np.uint8)
    picture[height // 2 :, : width // 2, :3] = (0, 0, 200)
    return picture


def file_of(suffix: str, picture: Any) -> bytes:
    done, data = cv2.imencode(suffix, picture)
    assert done
    return bytes(data)


def shown(webp: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(cv2.imdecode(np.frombuffer(webp, np.uint8), cv2.IMREAD_COLOR), np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_each_format_is_encoded_anew(suffix: str) -> None:
    data = file_of(suffix, drawn())
    assert size_of(data) == (320, 200)
    kept = recoded(data + b"<script>alert(1)</script>")
    assert kept.webp[8:12] == b"WEBP"
    assert b"script" not in kept.webp
    assert (kept.width_px, kept.height_px, len(kept.digest)) == (320, 200, 64)
    assert np.abs(shown(kept.webp)[150, 80].astype(int) - (0, 0, 200)).max() < 20


def exif(data: bytes, orientation: int) -> bytes:
    """A JPEG with a GPS-less EXIF block of its orientation and a comment."""
    tiff = b"II*\x00\x08\x00\x00\x00\x01\x00" + struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0) + bytes(4)
    block = b"Exif\x00\x00" + tiff
    comment = b"taken by Wang"
    return (
        data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
        + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + data[2:]
    )  # fmt: skip


def test_metadata_is_gone_and_the_picture_upright() -> None:
    data = exif(file_of(".jpg", drawn()), 6)
    kept = recoded(data)
    assert (kept.width_px, kept.height_px) == (200, 320)
    assert b"Wang" not in kept.webp
    assert b"Exif" not in kept.webp


def test_large_pictures_become_smaller_and_transparent_ones_white() -> None:
    large = recoded(file_of(".png", drawn(4_000, 1_000)))
    assert (large.width_px, large.height_px) == (LONGEST_PX, 512)
    clear = drawn(channels=4)
    clear[..., 3] = 0
    assert shown(recoded(file_of(".png", clear)).webp).min() > 250
    grey = recoded(file_of(".png", drawn()[..., 0]))
    deep = recoded(file_of(".png", drawn().astype(np.uint16) * 257))
    assert (grey.width_px, deep.width_px) == (320, 320)


def test_a_noisy_picture_stays_within_the_page_s_weight() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (600, 800, 3), np.uint8)
    assert len(recoded(file_of(".jpg", noise)).webp) <= MOST_KEPT_BYTES


def bomb(side: int) -> bytes:
    """A PNG that says it is large."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "no picture of a known format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "send a PNG, JPEG or WebP"),
        (b"GIF89a" + bytes(100), "no picture of a known format"),
        (b"%PDF-1.7", "no picture of a known format"),
        (b"\xff\xd8\xff", "no picture of a known format"),
        (b"\xff\xd8" + b"\xff" * 100_000, "no picture of a known format"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8X", "no picture of a known format"),
        (bomb(60_000), "60000 x 60000 pixels"),
        (bomb(0), "0 x 0 pixels"),
        (bomb(400), "cannot be decoded"),
        (file_of(".png", drawn(20, 20)), "at least 50 on each side"),
        (file_of(".png", drawn())[:200], "cannot be decoded"),
    ],
    ids=["empty", "svg", "gif", "pdf", "jpeg-head", "jpeg-fill", "webp-head", "bomb", "zero", "hollow", "tiny", "cut"],
)
def test_what_is_no_picture_is_refused_before_it_is_decoded(data: bytes, problem: str) -> None:
    with pytest.raises(PlanError, match=problem):
        recoded(data)
