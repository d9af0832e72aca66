"""Benchmarks of redaction and live views."""
