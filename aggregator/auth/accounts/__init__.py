"""Rules of accounts: names, recovery codes, scopes that exist, roles that should not meet, grants that take two."""
