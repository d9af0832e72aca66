"""The catalogue of cameras for consumers."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import FastAPI, Header, Query
from starlette.responses import Response

from aggregator.services.feeds.feed_service import Limits
from aggregator.services.video_out.catalogue import CatalogueService
from aggregator.web.api.dependencies import Tags, content
from aggregator.web.api.feeds.feed import Asking
from aggregator.web.api_models.feeds import catalogue as models

TAGS: Tags = ["video out"]
GEOJSON = "application/geo+json"
_Format = Annotated[Literal["json", "geojson"] | None, Query(description="Goes before the header `Accept`.")]
_Accept = Annotated[str, Header(description="`application/geo+json` for a feature collection (RFC 7946).")]


def add(app: FastAPI, catalogue: CatalogueService, limits: Limits) -> None:
    """Add the route."""

    @app.get(
        "/api/catalogue", tags=TAGS, response_model=models.CatalogueResponse,
        responses=content(GEOJSON, "The cameras, by site, box and id."),
    )  # fmt: skip
    def list_catalogue(consumer: Asking, format: _Format = None, accept: _Accept = "") -> Response:  # noqa: A002
        """The cameras within the consumer's places, with their positions and whether their live view may be opened."""
        limits.requests.take(consumer.id, consumer.requests_per_minute)
        cameras = [models.CatalogueCamera.of(it) for it in catalogue.entries(consumer)]
        if format == "geojson" or (format is None and GEOJSON in accept):
            features = models.CatalogueFeatures(features=[models.CameraFeature.of(it) for it in cameras])
            return Response(features.model_dump_json(), media_type=GEOJSON, headers={"Cache-Control": "no-store"})
        return Response(models.CatalogueResponse(cameras=cameras).model_dump_json(), media_type="application/json")
