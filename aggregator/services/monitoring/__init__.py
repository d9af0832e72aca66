"""The monitoring room: names of places, alerts for a caller, escalation and notifications."""
