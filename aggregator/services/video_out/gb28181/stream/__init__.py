"""Pictures on their way: the program stream and its RTP packets (pure), and the sockets that take them."""
