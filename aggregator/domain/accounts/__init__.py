"""Accounts, roles, permissions and scopes."""
