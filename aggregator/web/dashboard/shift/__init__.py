"""The pages of a shift: hand-over, procedures, reports."""
