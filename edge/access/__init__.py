"""Gates, doors and the site's lists."""
