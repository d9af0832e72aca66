"""The audit log's entries, Merkle tree and anomalies."""
