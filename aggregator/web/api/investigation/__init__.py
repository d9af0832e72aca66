"""Routes of searches, releases and the audit log."""
