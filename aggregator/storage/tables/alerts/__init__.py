"""Alerts: rows and queries, their events, their history."""
