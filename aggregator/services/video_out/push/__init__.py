"""Live video is sent to receivers of consumers: RTMP and RTSP, each with TLS too."""
