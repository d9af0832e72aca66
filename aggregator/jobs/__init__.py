"""Work in the background: clips, releases, uploads, retention."""
