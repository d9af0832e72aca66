"""Pages with video: live views and footage."""
