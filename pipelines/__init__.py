"""Pure vision and rules: frames in, drafts of events out. No I/O, no clock, no threads."""
