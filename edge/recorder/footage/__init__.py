"""Reading footage: queries, playback, export, the HTTP API."""
