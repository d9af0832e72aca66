"""What keeps alerts out of the queue: silences, maintenance windows, shelved sources; and floods."""
