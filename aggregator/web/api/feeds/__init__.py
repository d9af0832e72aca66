"""Routes of consumers and feeds."""
