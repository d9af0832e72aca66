"""From packets to detections: camera worker, decoder, key-frame mode, frame analyzer, inference pool."""
