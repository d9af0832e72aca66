"""Escalation, pure: who is on call at an instant, which steps an alert's chain has, and whom a step notifies.

Imports: the configuration's structs (`aggregator.settings.escalation`). Time, holidays and people are arguments.
"""
