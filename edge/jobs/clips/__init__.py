"""Blurred clips of alerts, made where the footage is and brought to the aggregator."""
