"""Clear copies of footage: made for one command that two people stand behind, and for nothing else."""
