"""Pages of gates, doors and lists."""
