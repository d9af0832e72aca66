"""Requests and responses of consumers and feeds."""
