"""The web server: limits, authentication, routes, pages."""
