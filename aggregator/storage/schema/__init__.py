"""The schema as SQLAlchemy tables, one module for each area."""
