"""The aggregator: commits what the boxes send, opens alerts, and shows them to people."""
