"""Jobs: a state machine, a queue that survives a restart, and engines for threads and for event loops."""
