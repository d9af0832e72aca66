"""Status, metrics, and the clock-step detector."""
