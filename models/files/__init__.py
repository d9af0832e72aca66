"""Model files: download, conversion, store."""
