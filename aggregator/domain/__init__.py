"""Pure types and state machines: alert, quiet, clip, release, case, authorization, audit entry, Merkle tree, list."""
