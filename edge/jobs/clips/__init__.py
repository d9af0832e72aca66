"""Redacted clips of alerts, made on the box and uploaded to the aggregator."""
