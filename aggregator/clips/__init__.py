"""Blurred clips of alerts: wanted when an alert opens, asked of its box, stored, shown, and erased in time."""
