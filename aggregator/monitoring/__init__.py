"""Health, metrics, the change feed, and periodic steps."""
