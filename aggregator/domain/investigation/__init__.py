"""Cases, searches and releases: types and state machines."""
