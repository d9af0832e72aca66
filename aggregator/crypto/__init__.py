"""The key ring: signing, encryption at rest, upload tokens."""
