"""The HTTP API of alerts: the queue and its changes, one alert, and decisions."""
