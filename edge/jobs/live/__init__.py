"""Live views: a camera's picture, covered, encoded anew and sent outwards while somebody looks."""
