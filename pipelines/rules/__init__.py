"""Rules of zones, lines and doors, and their schedules."""
