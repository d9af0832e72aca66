"""What the monitoring room is shown: names of places, and alerts for a caller."""
