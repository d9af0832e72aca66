"""Reading and writing of one table, or of a few that belong together, in each module."""
