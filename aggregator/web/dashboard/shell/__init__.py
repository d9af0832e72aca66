"""What stands around every page: navigation, the bar at the top, style and static files."""
