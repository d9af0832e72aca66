"""Alerts: their types, the table of their states, the rules of each kind, and what belongs together."""
