"""What a shift works by: procedures as checklists, and the hand-over to the next shift. Pure."""
