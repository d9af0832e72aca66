"""Models of silences, escalation, notifications, shifts and statistics."""
