"""Use cases of a shift: procedures, hand-over, statistics."""
