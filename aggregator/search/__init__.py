"""Questions about footage metadata: by place, time, kind, object class and zone; never by person. `docs/search.md`."""
