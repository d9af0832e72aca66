"""Queries of cases, releases and searches."""
