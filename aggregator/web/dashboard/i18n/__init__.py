"""Texts of the user interface."""
