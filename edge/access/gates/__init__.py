"""Gates: read plates from a camera, match them with the site's vehicle list and operate the barrier relay."""
