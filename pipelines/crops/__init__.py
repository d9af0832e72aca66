"""Which parts of a picture are inspected."""
