"""Commands: `paifang edge`, `footage`, `redact`, `gate`, `doors`."""
