"""HTML of cards and rows."""
