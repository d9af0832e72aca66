"""HTTP Live Streaming (RFC 8216 and draft-pantos-hls-rfc8216bis) of live views, with low latency."""
