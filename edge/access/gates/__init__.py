"""Gates: a camera that reads plates, decides with the site's own list, opens, and forgets."""
