"""Benchmarks of the aggregator."""
