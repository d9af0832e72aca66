"""The aggregator's settings."""
