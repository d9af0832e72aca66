"""The recorder: footage kept, found again, and erased in time. `docs/recording.md` states what must stay true."""
