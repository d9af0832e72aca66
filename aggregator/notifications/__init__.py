"""Sends notifications: templates, addresses, links, and the senders behind a process of their own.

Imports: `domain`, `crypto`, `settings`, `common`. A message and a target's address go in, an `Attempt` comes out. What
is sent when is decided elsewhere (`aggregator/jobs`); this package keeps no state in the database.
"""
