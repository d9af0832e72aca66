"""Cutting plates out: shade is evened out, the rest stays."""

from __future__ import annotations

import numpy as np

from pipelines.plates.rectification import evened


def test_characters_in_the_shade_stand_out_again() -> None:
    line = np.full((80, 240, 3), 200, np.uint8)
    line[20:60, 10::20] = 120  # strokes
    line[:, 120:] //= 4  # shade over the right half
    before, after = line[:, 120:].std(), evened(line)[:, 120:].std()
    assert after > 1.1 * before
    assert evened(line).shape == line.shape
    assert evened(line).dtype == np.uint8


def test_colours_stay() -> None:
    green = np.zeros((80, 240, 3), np.uint8)
    green[:] = (60, 180, 40)
    assert np.abs(evened(green).astype(int) - green).mean() < 40
    assert evened(green)[40, 120].argmax() == 1
