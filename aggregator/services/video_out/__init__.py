"""Redacted live video for consumers: pull by HLS and fMP4, push by RTMP and RTSP, GB/T 28181. Nothing is re-encoded here."""
