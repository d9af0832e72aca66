"""Signed and encrypted messages."""
