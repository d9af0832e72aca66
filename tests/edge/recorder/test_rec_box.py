"""A whole box: a real camera's stream with sound in, a covered film out of its API, and the event that tells of it."""

from __future__ import annotations

import http.client
import io
import json
import time
from pathlib import Path
from urllib.parse import urlencode

import av
import pytest
from edge_kit import make_clip, served, wait_until
from model_kit import obtain

from demo.media_loop import load
from edge.app import Box
from edge.loaded_models import Models
from edge.settings import node
from models.files.store import ModelStore
from pipelines.types import Detections, Picture
from protocol.envelope import decode
from protocol.event_types import FootageExported
from protocol.identifiers import to_rfc3339

TEXT = """
site: village
box: gate-1
status_port: 0
models: {models}
broker: {{host: 127.0.0.1, port: 9}}
recorder: {{enabled: true, reserve_mb: 16, mute: [quiet]}}
cameras:
  - {{id: loud, url: "{loud}"}}
  - {{id: quiet, url: "{quiet}"}}
"""


class Nothing:
    """Finds nothing: the fake beside the protocol."""

    def detect(self, picture: Picture) -> Detections:
        assert picture.ndim == 3
        return Detections.none()

    def detect_at(self, picture: Picture, size: tuple[int, int]) -> Detections:
        assert size[0] > 0
        return self.detect(picture)


@pytest.mark.timeout(180)
def test_a_running_box_gives_covered_films_with_sound_and_tells_of_each(
    tmp_path: Path, model_store: ModelStore
) -> None:
    obtain(model_store, "faces-to-blur", "plate-find")
    clip = load(make_clip(tmp_path / "clip.mp4", sound="aac"), sound=True)
    (tmp_path / "footage").mkdir()
    path = tmp_path / "box.yaml"
    with served({"loud": clip, "quiet": clip}) as server:
        path.write_text(TEXT.format(models=model_store.folder, loud=server.url("loud"), quiet=server.url("quiet")))
        box = Box(node.load(path), tmp_path, Models(Nothing(), Nothing(), Nothing()))
        box.start()
        try:
            assert box.footage is not None
            wait_until(lambda: box.footage and box.footage.writer.counts.fragments >= 12, 60)
            films = {camera: film(box, tmp_path, camera) for camera in ("loud", "quiet")}
        finally:
            box.close()
    for camera, mp4 in films.items():
        with av.open(io.BytesIO(mp4), "r") as container:
            assert len(container.streams.audio) == (camera == "loud"), camera
            assert len(list(container.decode(video=0))) >= 15
    again = Box(node.load(path), tmp_path, Models(Nothing(), Nothing(), Nothing()))
    try:
        events = [decode(it.body) for it in again.outbox.read(0, 1000)]
    finally:
        again.outbox.close()
        again.server.stop()
    told = [(it.place, it.data.reason, it.data.by) for it in events if isinstance(it.data, FootageExported)]
    assert told == [("loud", "case A-1", "api"), ("quiet", "case A-1", "api")]


def film(box: Box, folder: Path, camera: str) -> bytes:
    """The last seconds of a camera."""
    token = (folder / "data" / "api-token").read_text().strip()
    now_ns = time.time_ns()
    query = {"from": to_rfc3339(now_ns - 4 * 10**9), "to": to_rfc3339(now_ns), "reason": "case A-1", "sound": "1"}
    connection = http.client.HTTPConnection("127.0.0.1", box.server.port, timeout=90)
    connection.request("GET", f"/footage/{camera}?{urlencode(query)}", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 200, json.loads(body)
    return body
