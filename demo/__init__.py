"""The demonstration: RTSP server, clips, supervisor of the real processes."""
