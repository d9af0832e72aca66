"""The box's settings."""
