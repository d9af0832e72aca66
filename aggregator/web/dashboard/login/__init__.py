"""The log-in page and the log-in with an identity provider."""
