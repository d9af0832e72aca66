"""The benchmarks behind docs/benchmarks.md: `python -m benchmarks NAME [--json]`."""
