"""Clips and holds of marked ranges over the running server: under a case, within its limits, in the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import msgspec
import pytest
from agg_support import Sender, Web, run_apart, wait_until
from auth.test_staff import add
from web.test_search_web import moment, new_case

from aggregator.domain import clip as clips
from aggregator.domain.audit import audit_entry
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.services.footage import case_footage_service
from protocol.receipts import BoxStatus, CameraStatus, JobStatus, encode

SITE, BOX, CAMERA = "fold", "fold-box", "shed"


class Box:
    """A box that reports what it is told to, and answers nothing."""

    def __init__(self, web: Web) -> None:
        self._web, self._sender = web, Sender(web.broker_port, web.account, box=BOX, site=SITE)

    def report(self, *jobs: JobStatus) -> None:
        """Send a status, and wait until it is there."""
        cameras = [CameraStatus(id=it, name="Shed", state="up") for it in (CAMERA, "gate")]
        status = BoxStatus(online=True, cameras=cameras, jobs=list(jobs))
        self._sender.raw(encode(status), self._sender.topics.status)
        reader, wanted = self._web.parts.core.reader, {it.id: it.progress for it in jobs}
        wait_until(lambda: any(it.box == BOX for it in reader.cameras()) and reader.box_jobs(SITE, BOX) == wanted)

    def close(self) -> None:
        self._sender.close()


@pytest.fixture(scope="module")
def box(web: Web) -> Iterator[Box]:
    made = Box(web)
    made.report()
    yield made
    made.close()


@pytest.fixture
def client(web: Web, box: Box) -> Iterator[httpx2.Client]:
    box.report()
    with web.logged_in(add(web, f"investigator@{SITE}")) as made:
        yield made


def marked(case: str, **changed: object) -> dict[str, Any]:
    return {"case": case, "camera": CAMERA, "from": moment(-1), "to": moment(-0.99), **changed}


def of_case(web: Web, case: str) -> list[AuditEntry]:
    found = (audit_entry.decode(entry) for _, entry in web.parts.core.reader.audit_entries(0, 1_000_000))
    return [it for it in found if it.case == case and it.what != "case.opened"]


def asked_of_box(web: Web, clip_id: str) -> clips.Clip:
    """The clip, when its box has been asked for it; the aggregator's own jobs may change it meanwhile."""
    reader, queue = web.parts.core.reader, web.parts.core.queue

    def ask() -> bool:
        it = reader.clip(clip_id)
        assert it is not None
        asked = msgspec.structs.replace(it, state="asked", next_ns=it.next_ns + 3600 * 10**9)
        return queue.submit(lambda store: store.change_clip(it, asked)).result(10)

    wait_until(ask)
    found = reader.clip(clip_id)
    assert found is not None
    return found


def test_a_clip_of_a_range_says_its_per_cent_and_is_shown_under_its_case_only(
    web: Web, box: Box, client: httpx2.Client
) -> None:
    case = new_case(client, site=SITE)
    answer = client.post("/api/case-clips", json=marked(case))
    assert answer.status_code == 202, answer.text
    it = answer.json()
    assert (it["case"], it["box"], it["camera"], it["state"], it["progress"]) == (case, BOX, CAMERA, "wanted", None)
    asked_of_box(web, it["id"])
    box.report(JobStatus(id=it["id"], progress=40))
    listed = client.get(f"/api/case-clips?case={quote(case)}").json()["clips"]
    assert [(it["id"], it["state"], it["progress"]) for it in listed] == [(it["id"], "asked", 40)]
    address = f"/api/case-clips/{it['id']}?case={quote(case)}"
    assert (client.get(address).status_code, client.get(address).json()["progress"]) == (202, 40)
    kept = asked_of_box(web, it["id"])
    web.parts.core.queue.submit(lambda store: store.change_clip(kept, clips.mark_stored(kept, 4, "00"))).result(10)

    path = web.parts.core.folder / "film"
    path.write_bytes(b"film")
    web.parts.files.objects.put(kept.object, path)
    film = client.get(address, headers={"Range": "bytes=1-2"})
    assert (film.status_code, film.content, film.headers["content-type"]) == (206, b"il", "video/mp4")
    assert client.get(f"/api/case-clips?case={quote(case)}").json()["clips"][0]["progress"] == 100
    other = new_case(client, site=SITE)
    assert client.get(f"/api/case-clips/{it['id']}?case={quote(other)}").status_code == 404
    assert client.get(f"/api/case-clips?case={quote(other)}").json() == {"clips": []}
    with web.logged_in(add(web, f"monitor@{SITE}")) as monitor:
        assert monitor.get(f"/api/clips/{it['id']}").status_code == 404
        assert monitor.get(address).status_code == 403
    asked, shown = of_case(web, case)
    assert (asked.what, asked.target, asked.detail["clip"], asked.detail["asked"]) == (
        "clip", f"{BOX}/{CAMERA}", it["id"], "yes",
    )  # fmt: skip
    assert (shown.what, shown.target, shown.detail["clip"]) == ("clip", f"{BOX}/{CAMERA}", it["id"])


def test_a_found_clip_says_its_per_cent_too_and_of_its_own_box_only(web: Web, box: Box, client: httpx2.Client) -> None:
    case = new_case(client, site=SITE)
    it = client.post("/api/case-clips", json=marked(case)).json()
    clip = asked_of_box(web, it["id"])
    elsewhere = msgspec.structs.replace(clip, box="other-box")
    box.report(JobStatus(id=it["id"], progress=7))
    progress = web.parts.use_cases.searches.progress
    assert (run_apart(progress(clip)), run_apart(progress(elsewhere))) == (7, None)


BAD: list[tuple[str, dict[str, object], int, str]] = [
    ("case-clips", {"to": -0.9}, 422, "at most 60 s"),
    ("case-clips", {"to": -1.1}, 422, "must be after 'from'"),
    ("case-clips", {"from": 1, "to": 1.01}, 422, "future"),
    ("case-clips", {"camera": "nowhere"}, 409, "has no camera 'nowhere'; known: gate, shed"),
    ("case-clips", {"camera": "gate"}, 409, "does not cover"),
    ("case-clips", {"from": -3, "to": -2.999}, 409, "does not cover"),
    ("case-clips", {"case": "nothing"}, 409, "there is no case"),
    ("holds", {"until": -1}, 422, "until"),
    ("holds", {"until": 24 * 400}, 422, "by a year at most"),
    ("holds", {"from": -1, "to": -1.5}, 422, "must be after 'from'"),
    ("holds", {"camera": "gate"}, 409, "does not cover"),
    ("holds", {"reason": "x"}, 409, "reason"),
]
"""Route, changed fields (a number is a time, in hours from now), status, words of the problem."""


@pytest.mark.parametrize("bad", BAD)
def test_what_a_case_does_not_allow_is_refused_with_the_reason(
    web: Web, client: httpx2.Client, bad: tuple[str, dict[str, object], int, str]
) -> None:
    route, changed, status, problem = bad
    changed = {name: moment(it) if isinstance(it, float | int) else it for name, it in changed.items()}
    case = new_case(client, site=SITE, places=[f"{SITE}/{CAMERA}"], **{"from": moment(-2)})
    more = {"until": moment(24), "reason": "theft, reported"} if route == "holds" else {}
    answer = client.post(f"/api/{route}", json=marked(case, **more) | changed)
    assert (answer.status_code, problem in answer.json()["error"]) == (status, True), answer.text
    assert of_case(web, case) == []


def test_a_case_has_a_bounded_number_of_clips_and_a_closed_one_none(
    client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = new_case(client, site=SITE)
    monkeypatch.setattr(case_footage_service, "MOST_OF_A_CASE", 1)
    it = client.post("/api/case-clips", json=marked(case)).json()
    assert client.post("/api/case-clips", json=marked(case)).status_code == 409
    client.post("/api/cases/close", json={"case": case})
    assert client.get(f"/api/case-clips/{it['id']}?case={quote(case)}").status_code == 409
    body = marked(case, until=moment(24), reason="theft, reported")
    assert "has ended" in client.post("/api/holds", json=body).json()["error"]


@pytest.mark.parametrize("role", ["investigator@elsewhere", f"supervisor@{SITE}", f"monitor@{SITE}"])
def test_other_sites_and_roles_reach_neither_clips_nor_holds(web: Web, client: httpx2.Client, role: str) -> None:
    case = new_case(client, site=SITE)
    it = client.post("/api/case-clips", json=marked(case)).json()
    with web.logged_in(add(web, role)) as other:
        answers = [
            other.get(f"/api/case-clips?case={quote(case)}"),
            other.get(f"/api/case-clips/{it['id']}?case={quote(case)}"),
            other.post("/api/case-clips", json=marked(case)),
            other.post("/api/holds", json=marked(case, until=moment(24), reason="theft, reported")),
        ]
    expected = 409 if role == "investigator@elsewhere" else 403
    assert [it.status_code for it in answers] == [expected] * 4
    assert len(of_case(web, case)) == 1
