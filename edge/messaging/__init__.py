"""The durable outbox, MQTT, commands and uploads."""
