"""How long footage is kept: retention, legal holds, keys of days, encryption."""
