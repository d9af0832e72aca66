"""Feeds: what other platforms (consumers) may get, and what they get. Pure."""
