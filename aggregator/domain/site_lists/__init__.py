"""Lists of vehicles and credentials: what an entry is, when it is valid, and what an addition would replace."""
