"""Routes of clips, live views and uploads."""
