"""Masks over faces and plates: interpolation, bounds, pixels."""
