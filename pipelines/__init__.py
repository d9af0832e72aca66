"""Pure vision and rules: frames in, data of events out. No I/O, no clock, no threads."""
