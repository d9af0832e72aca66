"""Writing footage: segments, timeline, muxer, writer."""
