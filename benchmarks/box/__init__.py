"""Benchmarks of cameras, inference, rules and the outbox."""
