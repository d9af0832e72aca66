"""The contract between boxes and the aggregator: event kinds, envelope, topics, identifiers, receipts."""
