"""Lists of vehicles and credentials, and the passages that they decide."""
