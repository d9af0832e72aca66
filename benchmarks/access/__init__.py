"""Benchmarks of doors, gates and plates."""
