"""Procedures, hand-overs and reports."""
