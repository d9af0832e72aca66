"""Video that may be shown: faces and plates covered, live or in two passes over a file."""
