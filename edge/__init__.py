"""The box: sources, recorder tap, activity gate, inference, outbox, publisher, health."""
