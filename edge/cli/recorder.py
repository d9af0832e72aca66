"""The subcommands of `paifang footage`: `list`, `export`, `verify`, `key`, `hold`, `end-hold`, `erase`. On the box."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from common.errors import ContractError, FootageError, SettingsError
from edge.cli.redaction import new_file, progress_on, summary
from edge.media.signed_manifest import check_file, opened, signing_key, verify
from edge.recorder.box_events import BoxEvents
from edge.recorder.factory import FootageStore
from edge.recorder.footage.export import Exporter, ExportRequest
from edge.recorder.footage.transactional_outbox import announce
from edge.recorder.gap_log import open_gaps
from edge.recorder.retention.legal_holds import Ending, Hold
from edge.recorder.segments.segment import DAY_NS
from edge.recorder.startup_recovery import same_disk
from edge.redaction.redaction_manifest import derivation
from edge.settings import node
from edge.settings.node import BoxSettings
from protocol.identifiers import from_rfc3339, to_rfc3339, uuid7


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands to the parser."""
    words = parser.add_subparsers(dest="word", required=True, metavar="list|export|verify|key|hold|end-hold|erase")
    listed = words.add_parser("list", help="recorded footage, gaps and holds, by camera and day")
    listed.add_argument("config", type=Path, metavar="CONFIG")
    listed.add_argument("--camera", metavar="ID")
    listed.add_argument("--json", action="store_true")
    listed.set_defaults(call=_list)
    export = words.add_parser("export", help="a redacted copy of a range, with a signed manifest")
    export.add_argument("config", type=Path, metavar="CONFIG")
    export.add_argument("out", type=Path, metavar="OUT")
    for name in ("camera", "from", "to", "who", "why", "case"):
        export.add_argument(f"--{name}", required=True, dest=f"{name}_", metavar=name.upper())
    export.add_argument("--audio", action="store_true")
    export.add_argument("--json", action="store_true")
    export.set_defaults(call=_export)
    check = words.add_parser("verify", help="check an export against its manifest; needs no box")
    check.add_argument("file", type=Path, metavar="FILE")
    check.add_argument("manifest", type=Path, metavar="MANIFEST")
    check.add_argument("--key", metavar="HEX")
    check.set_defaults(call=_verify)
    key = words.add_parser("key", help="print the box's public key, which verifies its exports")
    key.add_argument("config", type=Path, metavar="CONFIG")
    key.set_defaults(call=_key)
    hold = words.add_parser("hold", help="keep a range past its maximum retention")
    hold.add_argument("config", type=Path, metavar="CONFIG")
    for name in ("camera", "from", "to", "until", "owner", "reason", "case"):
        hold.add_argument(f"--{name}", required=True, dest=f"{name}_", metavar=name.upper())
    hold.set_defaults(call=_hold)
    end = words.add_parser("end-hold", help="end a hold before its time")
    end.add_argument("config", type=Path, metavar="CONFIG")
    for name in ("hold", "by", "reason"):
        end.add_argument(f"--{name}", required=True, dest=f"{name}_", metavar=name.upper())
    end.set_defaults(call=_end_hold)
    erase = words.add_parser("erase", help="erase a camera's day that is past its minimum retention")
    erase.add_argument("config", type=Path, metavar="CONFIG")
    for name in ("camera", "day", "reason"):
        erase.add_argument(f"--{name}", required=True, metavar=name.upper())
    erase.set_defaults(call=_erase)


def _open(options: argparse.Namespace) -> tuple[BoxSettings, FootageStore]:
    box = node.load(options.config)
    if not box.recorder.enabled:
        raise SettingsError(str(options.config), "recorder.enabled", "is false; this box records nothing")
    base = options.config.resolve().parent
    if not (base / box.data / "footage.sqlite3").exists():
        raise FootageError("nothing was recorded here yet")
    store = FootageStore(box.recorder, base, box.data)
    if not same_disk(store.disk, store.index):
        raise FootageError(f"{box.recorder.folder}: not the disk that the box records on; is it mounted?")
    return box, store


def _list(options: argparse.Namespace) -> int:
    _, store = _open(options)
    now_ns = _now_ns()
    still = {it.camera: it for it in open_gaps(store.index, store.player.end_ns, now_ns)}
    newest = {use.camera: use.day for use in store.index.days()}
    holds = [hold for hold in store.holds.all()[0] if hold.end_ns > now_ns]
    rows = []
    for use in store.index.days():
        if options.camera not in (None, use.camera):
            continue
        from_ns, to_ns = use.day * DAY_NS, (use.day + 1) * DAY_NS
        here = [it for it in holds if it.covers(use.camera, from_ns, to_ns, now_ns)]
        gaps = [
            _told(it.from_ns, it.to_ns, it.seconds, it.cause) for it in store.index.gaps(use.camera, from_ns, to_ns)
        ]
        if use.day == newest[use.camera] and use.camera in still:
            gap = still[use.camera]
            gaps.append(_told(gap.from_ns, None, gap.seconds, gap.cause))
        rows.append(
            {
                "camera": use.camera,
                "day": f"{datetime.fromtimestamp(use.day * 86_400, UTC):%Y-%m-%d}",
                "from": to_rfc3339(use.first_ns),
                "to": to_rfc3339(use.last_ns),
                "segments": use.segments,
                "megabytes": round(use.bytes / 1e6, 1),
                "gaps": gaps,
                "holds": [it.case for it in here],
                "hold_ids": [it.id for it in here],
            }
        )
    for row in rows:
        text = msgspec.json.encode(row).decode() if options.json else _line(row)
        sys.stdout.write(text + "\n")
    return 0


def _told(from_ns: int, to_ns: int | None, seconds: float, cause: str) -> dict[str, object]:
    about = {"from": to_rfc3339(from_ns), "to": None if to_ns is None else to_rfc3339(to_ns)}
    return {**about, "seconds": round(seconds, 3), "cause": cause}


def _key(options: argparse.Namespace) -> int:
    box = node.load(options.config)
    key = signing_key(options.config.resolve().parent / box.data / "signing.key")
    sys.stdout.write(key.public_key().public_bytes_raw().hex() + "\n")
    return 0


def _line(row: dict[str, object]) -> str:
    gaps = row["gaps"]
    missing = f"{len(gaps)} gaps" if isinstance(gaps, list) else ""
    if isinstance(gaps, list) and gaps and gaps[-1]["to"] is None:
        missing += f", the last since {gaps[-1]['from'][:19]}Z and not over"
    return f"{row['day']}  {row['camera']:<16} {row['segments']:>5} segments {row['megabytes']:>10} MB  {missing}"


def _export(options: argparse.Namespace) -> int:
    box, store = _open(options)
    from edge import app, loaded_models

    asked = ExportRequest(
        camera=options.camera_,
        from_ns=_moment("--from", options.from_),
        to_ns=_moment("--to", options.to_),
        who=options.who_,
        why=options.why_,
        case=options.case_,
        sound=options.audio,
    )
    base = options.config.resolve().parent
    store.player.check(asked.camera, asked.from_ns, asked.to_ns)  # an invalid range is refused before models load
    key = signing_key(base / box.data / "signing.key")
    redactor = loaded_models.video_redactor(base / box.models if box.models else None)
    exporter = Exporter(store.player, store.index, app.system_clock(), key, redactor)
    new_file(options.out)
    place = exporter.export(asked, options.out, progress_on(sys.stderr))
    about = verify(options.out, place, None)
    done = {"file": str(options.out), "manifest": str(place), "sha256": about.sha256, "counts": about.counts}
    sys.stdout.write(msgspec.json.encode(done).decode() + "\n" if options.json else summary(options.out, about.counts))
    return int(about.counts.black == about.counts.frames)


def _verify(options: argparse.Namespace) -> int:
    text = msgspec.json.decode(opened(options.manifest, options.key))
    if "original" in text:  # of `paifang redact`
        copy = derivation(options.manifest, options.key)
        check_file(options.file, copy.sha256)
        sys.stdout.write(f"good: made {copy.made} from the file with SHA-256 {copy.original}\n")
    else:
        about = verify(options.file, options.manifest, options.key)
        sys.stdout.write(
            f"good: camera {about.camera}, {about.from_} to {about.to}, case {about.case}, by {about.who}\n"
        )
    if options.key is None:
        sys.stdout.write("no --key was given: whose box signed it was not checked\n")
    return 0


def _hold(options: argparse.Namespace) -> int:
    _, store = _open(options)
    now_ns = _now_ns()
    if options.camera_ not in store.index.cameras():
        known = ", ".join(store.index.cameras())
        raise FootageError(f"camera '{options.camera_}' never recorded; known: {known}")
    hold = Hold(
        id=uuid7(now_ns, os.urandom(10)),
        camera=options.camera_,
        from_ns=_moment("--from", options.from_),
        to_ns=_moment("--to", options.to_),
        owner=options.owner_,
        reason=options.reason_,
        case=options.case_,
        made_ns=now_ns,
        end_ns=_moment("--until", options.until_),
    )
    store.holds.place(hold)
    announce(store.index, [hold], now_ns)
    sys.stdout.write(f"{hold.id}\n")
    return 0


def _end_hold(options: argparse.Namespace) -> int:
    _, store = _open(options)
    now_ns = _now_ns()
    ended = store.holds.end(Ending(id=options.hold_, by=options.by_, reason=options.reason_, end_ns=now_ns))
    announce(store.index, [ended], now_ns)
    sys.stdout.write(f"{ended.id} ended {to_rfc3339(ended.end_ns)}\n")
    return 0


def _erase(options: argparse.Namespace) -> int:
    box, store = _open(options)

    from edge import app

    day = _moment("--day", f"{options.day}T00:00:00Z") // DAY_NS
    cameras = [camera.id for camera in box.cameras]
    events = BoxEvents(box.box, send=lambda _event: None)
    _, retention = store.create_workers(box.recorder, cameras, app.system_clock(), events)
    use = retention.erase(options.camera, day, f"by hand: {options.reason}")
    sys.stdout.write(f"erased: {use.segments} segments, {use.bytes / 1e6:.1f} MB; the key of the day first\n")
    return 0


def _now_ns() -> int:
    from edge import app

    return app.system_clock().wall_ns()


def _moment(name: str, text: str) -> int:
    try:
        return from_rfc3339(text)
    except ContractError as error:
        raise FootageError(f"{name} '{text}' is not a time such as 2026-11-23T08:00:00Z") from error
