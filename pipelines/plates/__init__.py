"""Plates at gates: cut out, read, and voted on over the passage of a vehicle. Texts hide themselves everywhere."""
