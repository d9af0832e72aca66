"""From MQTT messages to committed events and alerts."""
