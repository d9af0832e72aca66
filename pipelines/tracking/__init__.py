"""Tracking of objects in one camera's picture."""
