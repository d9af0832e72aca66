"""Consumers and their feeds."""
