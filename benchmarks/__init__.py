"""The benchmarks behind docs/reference/benchmarks.md: `python -m benchmarks NAME [--json]`."""
