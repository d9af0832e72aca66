"""The HTTP API of boxes, cameras, gates and doors, of the dead-letter queue, and of events' pictures."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import Response

from aggregator.domain.accounts.authorization import Permission, Principal
from aggregator.domain.read_models import Box, Camera, Place, Quarantined
from aggregator.domain.store_port.events import FleetReader
from aggregator.services.picture_service import PictureService
from aggregator.services.site_clock import SiteClock
from aggregator.web.api.dependencies import IdPath, Tags, Who, content, errors, shown_by_page
from aggregator.web.api_models import places as models
from protocol.identifiers import is_uuid7, to_rfc3339
from protocol.receipts import DoorStatus

_OPENED = "The user has opened this picture; without it, what a browser loads for a page counts as a preview."
_BOXES: Tags = ["boxes and cameras"]
_PICTURES: Tags = ["pictures and clips"]


def add(app: FastAPI, reader: FleetReader, pictures: PictureService, sites: SiteClock) -> None:
    """Add the routes."""

    @app.get("/api/places", tags=_BOXES)
    def list_places(caller: Who) -> models.PlacesResponse:
        """Cameras, gates and doors of the caller's places, with their sites and areas."""
        boxes = {(it.site, it.box): it for it in reader.boxes()}
        found = [_from_camera(it) for it in reader.cameras()] + [_from_place(it) for it in reader.places()]
        return models.PlacesResponse(
            places=[_placed(sites, boxes.get((it.site, it.box)), it) for it in found if _sees(caller, it)]
        )

    @app.get("/api/boxes", tags=_BOXES)
    def list_boxes(caller: Who) -> models.BoxesResponse:
        """Boxes of the caller's sites."""
        within = caller.within("places.see")
        return models.BoxesResponse(boxes=[_box(box) for box in reader.boxes() if within.touches(box.site)])

    @app.get("/api/cameras", tags=_BOXES)
    def list_cameras(caller: Who) -> models.CamerasResponse:
        """Cameras of the caller's places."""
        within = caller.within("places.see")
        return models.CamerasResponse(cameras=[_camera(it) for it in reader.cameras() if within.holds(it.site, it.id)])

    @app.get("/api/quarantine", tags=_BOXES)
    def list_quarantine(limit: Annotated[int, Query(ge=1, le=500)] = 50) -> models.QuarantineResponse:
        """The newest messages of the dead-letter queue."""
        entries = [_quarantined(it) for it in reader.quarantine(limit)]
        return models.QuarantineResponse(count=reader.quarantine_count(), entries=entries)

    @app.get(
        "/api/pictures/{event_id}", tags=_PICTURES, response_class=Response,
        responses=content("image/jpeg", "The redacted picture.") | errors(404),
    )  # fmt: skip
    async def show_picture(
        event_id: IdPath, caller: Who, request: Request, *, opened: Annotated[bool, Query(description=_OPENED)] = False
    ) -> Response:
        """An event's redacted picture."""
        by_page = not opened and shown_by_page(request)
        jpeg = await pictures.open(caller, event_id, by_page=by_page) if is_uuid7(event_id) else None
        if jpeg is None:
            raise HTTPException(404, "no such picture")
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


_SEEN: tuple[Permission, ...] = ("places.see", "alerts.see", "live.see", "passages.see", "plans.see")


def _sees(caller: Principal, place: models.PlaceResponse) -> bool:
    """Whether a caller may know a place: any permission for its pictures, passages or alerts."""
    return any(caller.within(permission).holds(place.site, place.id) for permission in _SEEN)


def _placed(sites: SiteClock, box: Box | None, place: models.PlaceResponse) -> models.PlaceResponse:
    """A place with its site's name, zone and areas, and whether its box is online."""
    configured = sites.sites.get(place.site)
    areas = [area for area, places in configured.areas.items() if place.id in places] if configured else []
    zone = sites.zone(place.site, box.timezone if box else None).key
    return place.model_copy(
        update={
            "site_name": sites.name(place.site), "time_zone": zone, "areas": areas,
            "online": box is not None and box.online,
            "since": to_rfc3339(box.status_ns) if box is not None and not box.online and box.status_ns else place.since,
        }
    )  # fmt: skip


def _from_camera(camera: Camera) -> models.PlaceResponse:
    return models.PlaceResponse(
        kind="camera", site=camera.site, box=camera.box, id=camera.id, name=camera.name or camera.id,
        state=camera.state, seen=to_rfc3339(camera.seen_ns), since=camera.since or None, problem=camera.problem,
        problem_code=camera.problem_code,
    )  # fmt: skip


def _from_place(place: Place) -> models.PlaceResponse:
    status = place.status
    if isinstance(status, DoorStatus):
        return models.PlaceResponse(
            kind="door", site=place.site, box=place.box, id=status.id, name=status.name or status.id,
            state=status.state if place.online else "unknown",
        )  # fmt: skip
    return models.PlaceResponse(kind="gate", site=place.site, box=place.box, id=status.name, name=status.name, state="")


def _box(box: Box) -> models.BoxResponse:
    fields = msgspec.structs.asdict(box)
    status = to_rfc3339(fields.pop("status_ns"))
    return models.BoxResponse(**fields, status=status)


def _camera(camera: Camera) -> models.CameraResponse:
    fields = msgspec.structs.asdict(camera)
    seen, since = to_rfc3339(fields.pop("seen_ns")), fields.pop("since") or None
    return models.CameraResponse(**fields, seen=seen, since=since)


def _quarantined(it: Quarantined) -> models.QuarantinedResponse:
    return models.QuarantinedResponse(
        topic=it.topic,
        reason=it.reason,
        size=it.size,
        count=it.count,
        first=to_rfc3339(it.first_ns),
        last=to_rfc3339(it.last_ns),
        start=it.payload[:400].decode("utf-8", "replace"),
    )
