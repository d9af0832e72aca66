"""Health, metrics and the change feed."""
