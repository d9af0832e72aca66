"""Use cases of the monitoring room. Imports as `aggregator.services`."""
