"""The audit log: every access and every change, in a verifiable order."""
