"""Sends notifications: templates, addresses, links, and the senders behind a process of their own.

Imports: `domain`, `storage` (the key ring), `settings`, `common`. Its input is a message and a target's address, its
result an `Attempt`. `aggregator/jobs` decides what is sent when; this package keeps no state in the database.
"""
