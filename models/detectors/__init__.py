"""One model family in each module."""
