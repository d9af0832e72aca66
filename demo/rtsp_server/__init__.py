"""A small RTSP server for the demonstration and the tests."""
