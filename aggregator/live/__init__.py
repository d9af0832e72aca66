"""Live views: asked of a box when the first somebody looks, handed on to all who do, ended when nobody does."""
