"""Routes of the monitoring room. Imports as `aggregator.web.api`."""
