"""The recorder: footage kept, found again, and erased in time. `docs/features/recording.md` states its invariants."""
