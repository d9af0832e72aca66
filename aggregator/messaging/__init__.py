"""MQTT: client, outbound queue, commands to boxes, and the embedded broker."""
