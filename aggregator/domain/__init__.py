"""Pure types and state machines: alert, clip, release, case, authorization, audit entry, Merkle tree, list entry."""
