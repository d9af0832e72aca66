"""Clear copies of footage: asked for by one person, approved by another, fetched by the first, and gone."""
