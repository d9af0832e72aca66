"""Applies silences, maintenance windows, shelves and inhibition to alerts, and notices boxes that are away."""
