"""Doors: what their controllers say, made into events in the right order, without saying who came."""
