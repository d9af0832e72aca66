"""Pages for investigators and auditors: search, releases, audit log."""
