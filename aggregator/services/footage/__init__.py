"""Redacted clips, and what a case does with a marked range of footage."""
