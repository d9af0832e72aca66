"""Work that the aggregator asks for: clips, live streams, releases."""
