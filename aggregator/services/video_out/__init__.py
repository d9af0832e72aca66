"""Redacted live video for consumers, to pull (HLS, fMP4) or to push (RTMP, RTSP, GB/T 28181). Nothing is encoded."""
