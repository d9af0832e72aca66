"""A clear copy with real parts: RTSP → recorder → two people at the aggregator → command → box → upload → fetch."""

from __future__ import annotations

import io
import sqlite3
import time
import zipfile
from datetime import UTC, datetime
from typing import Any

import httpx2
import numpy as np
import pytest
import yaml
from person_kit import person
from release_kit import pictures
from village_kit import Village, wait_until

from aggregator.domain.audit import audit_entry
from aggregator.storage import STORES
from common.clock import SECOND_NS, SystemClock
from demo import demo_site as settings
from demo.process_supervisor import trust_command
from edge.jobs.releases.watermark import Watermarker
from edge.media.signed_manifest import signing_key, verify
from edge.recorder.factory import FootageStore
from edge.redaction.mask_renderer import FrameFormat
from edge.settings.node import load
from models.files.store import ModelStore
from protocol.identifiers import to_rfc3339
from protocol.signing.chunked_aead import FILM, MANIFEST

RANGE_S = 4


def started(village: Village) -> None:
    """Aggregator and a box that records and knows the way."""
    (village.folder / "footage").mkdir()
    box = yaml.safe_load((village.folder / "box.yaml").read_text())
    box |= {"recorder": {"enabled": True, "reserve_mb": 16}, "trust_file": settings.TRUST}
    box |= {"uplink": {"url": village.url}}
    (village.folder / "box.yaml").write_text(yaml.safe_dump(box))
    village.start_aggregator()
    assert trust_command(village.folder / "aggregator.yaml", settings.SITE, village.folder / settings.TRUST) == 0
    village.start_box()


def now_ns() -> int:
    return SystemClock().wall_ns()


def release(client: httpx2.Client, number: str) -> dict[str, Any]:
    (found,) = [it for it in client.get("/api/releases").json()["releases"] if it["id"] == number]
    return dict(found)


def asked(client: httpx2.Client, from_ns: int, to_ns: int) -> str:
    case = {
        "id": "A-117", "purpose": "who broke the barrier", "basis": "incident", "site": settings.SITE,
        "expires": to_rfc3339(now_ns() + 3600 * SECOND_NS),
    }  # fmt: skip
    assert client.post("/api/cases", json=case).status_code in (201, 409)
    fields = {"case": "A-117", "camera": "walkway", "from": to_rfc3339(from_ns), "to": to_rfc3339(to_ns)}
    answer = client.post("/api/releases", json=fields | {"reason": "the barrier's arm was bent"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def check_copy(village: Village, data: bytes, number: str, from_ns: int, to_ns: int) -> None:
    """The film is the footage with the mark on it, and the manifest is the box's."""
    bundle = zipfile.ZipFile(io.BytesIO(data))
    for name in (FILM, MANIFEST):
        (village.folder / name).write_bytes(bundle.read(name))
    told = load(village.folder / "box.yaml")
    key = signing_key(village.folder / told.data / "signing.key").public_key().public_bytes_raw().hex()
    manifest = verify(village.folder / FILM, village.folder / MANIFEST, key)
    assert (manifest.who, manifest.case, manifest.why) == ("li", "A-117", "the barrier's arm was bent")
    assert (manifest.from_, manifest.to) == (to_rfc3339(from_ns), to_rfc3339(to_ns))
    shown = pictures(bundle.read(FILM))
    assert len(shown) >= 10
    player = FootageStore(told.recorder, village.folder, told.data).player
    plain = pictures(b"".join(player.play("walkway", from_ns, to_ns)))
    height, width = shown[0].shape
    mark = Watermarker(FrameFormat(width, height, "yuv420p"), (number, "A-117")).where(0.0) > 0
    apart = [np.abs(shown[0].astype(int) - it.astype(int)) for it in plain]
    nearest = min(apart, key=lambda it: float(it[~mark].mean()))
    assert nearest[~mark].mean() < 6, "not the footage"
    assert nearest[mark].mean() > 25, "the mark cannot be seen"


@pytest.mark.timeout(240)
def test_two_people_release_a_clear_copy_that_is_gone_afterwards(village: Village, models: ModelStore) -> None:
    assert models is not None  # fetched before the box starts
    started(village)
    with person(village, "li", "investigator", "approver") as li, person(village, "wang", "approver") as wang:
        wait_until(lambda: recorded_s(village) > 12, 90, "footage")
        to_ns = now_ns() - 5 * SECOND_NS
        from_ns = to_ns - RANGE_S * SECOND_NS
        number = asked(li, from_ns, to_ns)
        why = {"reason": "the insurer needs the face of the driver"}
        own = li.post(f"/api/releases/{number}/approve", json=why)
        assert (own.status_code, release(li, number)["state"]) == (409, "requested")
        assert "second person" in own.json()["error"]
        assert li.post(f"/api/releases/{number}/fetch").status_code == 409
        assert release(wang, number)["asked_by"] == "li"
        assert wang.post(f"/api/releases/{number}/approve", json=why).status_code == 200
        assert wang.post(f"/api/releases/{number}/approve", json=why).status_code == 409, "a replayed approval"
        wait_until(lambda: release(li, number)["state"] in ("ready", "failed"), 60, "the copy")
        assert release(li, number)["state"] == "ready", release(li, number)["problem"]
        assert wang.post(f"/api/releases/{number}/fetch").status_code == 403
        assert copies_of(village) == [number]
        copies = [li.post(f"/api/releases/{number}/fetch") for _ in range(3)]
        assert [it.status_code for it in copies] == [200] * 3
        assert copies[0].headers["content-disposition"] == f'attachment; filename="release-{number}.zip"'
        assert copies[0].content == copies[2].content
        assert li.post(f"/api/releases/{number}/fetch").status_code == 409
        wait_until(lambda: release(li, number)["destroyed"], 20, "the key's end")
        wait_until(lambda: copies_of(village) == [], 20, "the object's end")
        wait_until(lambda: told_of(village), 30, "the notice")
    assert village.box.stop() == 0
    check_copy(village, copies[0].content, number, from_ns, to_ns)
    with sqlite3.connect(f"file:{village.database()}?mode=ro", uri=True) as db:
        assert db.execute("SELECT sealed, object, fetches FROM releases").fetchall() == [(b"", "", 3)]
    assert list((village.folder / "box").rglob("*.sealed")) == []
    reader = STORES["sqlite"](village.folder / "aggregator").reader()
    done = [audit_entry.decode(entry) for _, entry in reader.audit_entries(0, 1000)]
    mine = [(it.what, it.who) for it in done if it.target == number]
    in_vain = [("release.refused", "li")] * 2  # an approval of one's own, and a fetch before there was any
    assert mine[:4] == [("release.requested", "li"), *in_vain, ("release.approved", "wang")]
    assert mine.count(("release.fetched", "li")) == 3
    assert ("release.refused", "wang") in mine
    assert ("erased", "system") in mine
    (export,) = [it for it in done if it.what == "export"]
    assert "asked for by li, approved by wang" in export.reason


def recorded_s(village: Village) -> float:
    """Seconds of footage that are on the box's disk."""
    path = village.folder / "box" / "footage.sqlite3"
    if not path.exists():
        return 0.0
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        (first,) = db.execute("SELECT min(start_ns) FROM segments").fetchone()
    return time.time() - first / 1e9 if first else 0.0


def copies_of(village: Village) -> list[str]:
    """Sealed copies that lie at the aggregator."""
    return [it.name for it in (village.folder / "aggregator" / "objects" / "release").glob("*")]


def told_of(village: Village) -> bool:
    """The box's notice has come."""
    return any(kind == "footage.exported" for _, _, kind in village.events())


@pytest.mark.timeout(240)
def test_a_box_without_that_footage_says_so(village: Village, models: ModelStore) -> None:
    assert models is not None
    started(village)
    with person(village, "li", "investigator") as li, person(village, "wang", "approver") as wang:
        wait_until(lambda: li.get("/api/cameras").json()["cameras"] != [], 60, "the camera")
        long_ago = round(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * SECOND_NS
        number = asked(li, long_ago, long_ago + 60 * SECOND_NS)
        assert wang.post(f"/api/releases/{number}/approve", json={"reason": "go on"}).status_code == 200
        wait_until(lambda: release(li, number)["state"] == "failed", 60, "the refusal")
        problem = release(li, number)["problem"]
        assert "walkway" in problem
        assert "no footage" in problem or "never recorded" in problem
