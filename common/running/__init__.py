"""Threads, repeated work and delays between tries."""
