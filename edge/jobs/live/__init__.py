"""Live views: a camera's video, redacted, encoded and sent to the aggregator while it has subscribers."""
