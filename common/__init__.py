"""Ground that every part stands on: errors, strict settings, clocks, logs. Imports nothing of ours."""
