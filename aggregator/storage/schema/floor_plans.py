"""The tables of plans and of the positions of sites."""

from __future__ import annotations

from sqlalchemy import CheckConstraint

from aggregator.storage.schema.columns import blobs, integers, key, table, texts

floor_plans = table(
    "floor_plans",
    *map(key, ("site", "area")),
    *integers("width_px", "height_px", "version"),
    *texts("digest", "symbols", "changed_by"),
    *integers("changed_ns"),
    *blobs("picture"),
    CheckConstraint("version >= 1"),
    rowid=True,
)
"""An empty `area`: the whole site. `symbols` is JSON."""
site_locations = table("site_locations", key("site"), *integers("latitude_udeg", "longitude_udeg"))
