"""Queries of escalation, notifications, silences, shifts and statistics."""
