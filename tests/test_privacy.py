"""DESIGN section 1 held against the whole repository.

What a single part can hold stands with the part: fields of events (`tests/protocol/test_no_identity.py`), tasks of
models (`tests/models/test_manifests.py`), the redactor's failures (`tests/edge/redaction/test_redaction.py`), routes of
the running aggregator (`tests/aggregator/web/test_privacy_routes.py`).
"""

from __future__ import annotations

import ast
import functools
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aggregator.domain.alerts.types import Alert
from aggregator.domain.read_models import AlertQuery
from aggregator.settings.aggregator import Settings
from edge.settings.node import BoxSettings

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("aggregator", "common", "edge", "protocol", "models", "paifang", "pipelines", "demo")

ALONE = {
    *("embedding", "embeddings", "embedder", "biometric", "biometrics", "reid", "reidentify", "reidentification"),
    *("recognise", "recognize", "recognition", "gait", "gender", "ethnicity", "race", "emotion", "clothing"),
    *("arcface", "facenet", "insightface", "deepface", "suspect", "suspects", "watchlist", "blacklist", "whitelist"),
}
"""Words that may stand in no name: nothing here computes, keeps or compares who somebody is."""

TOGETHER = {
    *(f"{who} {what}" for who in ("face", "person", "people", "body", "head")
      for what in ("id", "ids", "name", "names", "list", "lists", "vector", "vectors", "feature", "features",
                   "match", "matcher", "match", "gallery", "database", "age", "sex", "attributes", "encoding")),
    *("plate text", "plate texts", "licence plate", "license plate", "plate number", "plate numbers"),
}  # fmt: skip
"""Pairs of words that may not stand side by side in a name."""

MODULES = {"insightface", "face_recognition", "deepface", "dlib", "facenet_pytorch", "torchreid", "mediapipe"}


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def python_files(*packages: str) -> Iterator[Path]:
    for package in packages:
        yield from sorted((ROOT / package).rglob("*.py"))


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


@functools.cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Of a whole file; several tests look at all of them."""
    return tuple(ast.walk(parsed(path)))


@functools.cache
def names(path: Path) -> tuple[tuple[str, int], ...]:
    """Every name that a file defines, uses, imports or takes as an argument."""
    return tuple(_names(path))


def _names(path: Path) -> Iterator[tuple[str, int]]:
    for node in nodes(path):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                yield name, line
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, line
            case ast.alias(name=name):
                yield name, line


def words(name: str) -> list[str]:
    """`PersonListEntry` and `person_list_entry` → person, list, entry."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name)]


def identifying(name: str) -> bool:
    parts = words(name)
    return bool(ALONE & set(parts)) or any(f"{a} {b}" in TOGETHER for a, b in itertools.pairwise(parts))


@pytest.mark.parametrize(
    "name", ["face_embedding", "FaceMatcher", "personNames", "reid", "watchlist_of", "gait", "plate_text", "PersonID"]
)
def test_the_scan_sees_what_it_is_there_for(name: str) -> None:
    assert identifying(name)
    assert not identifying("faces_to_blur")


def test_nothing_has_a_name_of_recognition_or_of_lists_of_people() -> None:
    wrong = [
        f"{shown(path)}:{line} {name}"
        for path in python_files(*PRODUCT)
        for name, line in names(path)
        if identifying(name)
    ]
    assert wrong == []


def test_nothing_imports_a_library_that_recognises_people() -> None:
    imported = {
        name.split(".")[0]
        for path in python_files(*PRODUCT)
        for node in nodes(path)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert "numpy" in imported
    assert imported & MODULES == set()


ENCODERS = {
    *("imencode", "imencodemulti", "imwrite", "imwritemulti", "VideoWriter", "imshow", "to_image", "fromarray"),
    *("add_stream", "add_stream_from_template", "mux", "mux_one", "savez", "savez_compressed", "tofile"),
}
"""Calls that turn pixels into something that is kept or sent."""
PICTURE_MODULES = {"PIL", "imageio", "matplotlib", "skimage", "turbojpeg"}
ONLY_ENCODER = "edge/redaction/snapshots.py"
ONLY_VIDEO_ENCODER = "edge/redaction/encoder.py"
"""Takes covered frames only: `Covered` is made in `edge/redaction/mask_renderer.py` and nowhere else."""
CLEAR_ENCODER = "edge/jobs/releases/encoder.py"
"""The one other, on purpose: clear copies that two people agreed to. It takes frames that bear the mark of a release
only: `Marked` is made in `edge/jobs/releases/watermark.py` and nowhere else."""
COPIERS = ("edge/recorder/segments/mux.py",)
"""Where packets are copied into a container as the camera sent them, without ever being pictures: the recorder."""
PLAN_ENCODER = "aggregator/services/monitoring/plans/picture_process.py"
"""Encodes the pictures of floor plans anew that installers upload. It is a process that is given nothing else."""
VIDEO_ENCODERS = (ONLY_VIDEO_ENCODER, CLEAR_ENCODER)
COPYING = {"add_stream_from_template", "mux_one"}


def uses(path: Path, wanted: set[str]) -> set[str]:
    return {name for name, _ in names(path) if name in wanted}


def test_only_the_redactor_encodes_pictures() -> None:
    packages = ("aggregator", "common", "edge", "protocol", "models", "paifang", "pipelines")
    encoding = {shown(path): found for path in python_files(*packages) if (found := uses(path, ENCODERS))}
    video = {ONLY_VIDEO_ENCODER: {"add_stream", "add_stream_from_template", "mux", "mux_one"}}
    base = {shown(path) for path in python_files(*packages) if uses(path, {"VideoOutput"})}
    assert base == set(VIDEO_ENCODERS), "an encoder of its own, which might take other frames"
    pictures = {ONLY_ENCODER: {"imencode"}, PLAN_ENCODER: {"imencode"}}
    assert encoding == pictures | video | dict.fromkeys(COPIERS, COPYING)
    modules = {shown(path) for path in python_files(*packages) if uses(path, PICTURE_MODULES)}
    assert modules == set()


def test_only_reading_opens_a_container_or_a_codec() -> None:
    """`av.open(…)` with a mode and `CodecContext.create(…)` other than for reading could write pictures.

    The recorder's copier may write a container; that it only copies, the test above holds. The video's encoder
    may, of covered frames.
    """
    for path in python_files("edge"):
        for node in nodes(path):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            modes = [it.value for it in node.args[1:2] if isinstance(it, ast.Constant)]
            modes += [it.value.value for it in node.keywords if it.arg == "mode" and isinstance(it.value, ast.Constant)]
            on_av = isinstance(node.func.value, ast.Name) and node.func.value.id == "av"
            if (on_av and node.func.attr == "open") or node.func.attr == "create":
                allowed = {"r", "w"} if on_av and shown(path) in (*COPIERS, ONLY_VIDEO_ENCODER) else {"r"}
                assert set(modes) <= allowed, f"{shown(path)}:{node.lineno}"


def test_clear_copies_are_reachable_from_the_approved_command_only() -> None:
    """The chain, module by module: command → handler → request of two people → builder → watermark → encoder."""
    users: dict[str, set[str]] = {}
    for path in python_files("edge", "paifang", "demo", "pipelines", "models"):
        for node in nodes(path):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("edge.jobs.releases"):
                users.setdefault(node.module or "", set()).add(shown(path))
    inside = "edge/jobs/releases/{}.py".format
    assert users == {
        "edge.jobs.releases.factory": {"edge/jobs/registry.py"},
        "edge.jobs.releases.handler": {inside("factory")},
        "edge.jobs.releases.release_builder": {inside("factory"), inside("handler")},
        "edge.jobs.releases.release_request": {inside("handler"), inside("release_builder")},
        "edge.jobs.releases.watermark": {inside("encoder"), inside("release_builder")},
        "edge.jobs.releases.encoder": {inside("release_builder")},
    }
    made = {
        name: set[str]() for name in ("WatermarkedFrame", "MarkedEncoder", "ReleaseRequest", "ReleaseHandler", "Maker")
    }
    for path in python_files("edge"):
        for node in nodes(path):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in made:
                made[node.func.id].add(shown(path))
    assert made == {
        "WatermarkedFrame": {inside("watermark")}, "MarkedEncoder": {inside("release_builder")},
        "ReleaseRequest": {inside("release_request")}, "ReleaseHandler": {inside("factory")},
        "Maker": {inside("factory")},
    }  # fmt: skip
    (put,) = [
        it for it in ast.walk(parsed(ROOT / CLEAR_ENCODER)) if isinstance(it, ast.FunctionDef) and it.name == "put"
    ]
    assert ast.unparse(put.args.args[1]) == "marked: WatermarkedFrame"
    handler = [it for it in ast.walk(parsed(ROOT / inside("handler"))) if isinstance(it, ast.FunctionDef)]
    for name in ("check", "run"):  # the command is checked when it comes, and again when its job starts
        (method,) = [it for it in handler if it.name == name]
        assert ast.unparse(method.body[1]) == "order = order_of(command, self._site_key)"


def test_only_the_painter_makes_a_frame_that_may_be_encoded() -> None:
    making = set()
    for path in python_files("edge"):
        tree = parsed(path)
        called = [it.func for it in ast.walk(tree) if isinstance(it, ast.Call)]
        making |= (
            {shown(path)} if any(isinstance(it, ast.Name) and it.id == "RedactedFrame" for it in called) else set()
        )
    assert making == {"edge/redaction/mask_renderer.py"}
    encoder = parsed(ROOT / ONLY_VIDEO_ENCODER)
    (put,) = [it for it in ast.walk(encoder) if isinstance(it, ast.FunctionDef) and it.name == "put"]
    assert ast.unparse(put.args.args[1]) == "covered: RedactedFrame"
    encoding = [
        ast.unparse(it) for it in ast.walk(encoder) if isinstance(it, ast.Call) and "encode" in ast.unparse(it.func)
    ]
    assert encoding == ["self._video.encode(frame)"]


def test_only_the_reporter_gives_an_event_a_picture_and_only_the_redactor_s() -> None:
    giving = set()
    for path in python_files("edge", "pipelines", "demo"):
        for node in nodes(path):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "UnsequencedEvent":
                given = [*node.args[3:], *(it.value for it in node.keywords if it.arg == "picture")]
                giving |= {shown(path)} if given else set()
    assert giving == {"edge/messaging/event_reporter.py"}
    reporter = ast.unparse(parsed(ROOT / "edge/messaging/event_reporter.py"))
    makers = set(re.findall(r"(\w+)\.(?:tobytes|encode|snapshots?)\(", reporter))
    assert makers == {"_redactor"}, "the reporter makes pictures by other means than the redactor"


def test_the_aggregator_neither_decodes_nor_alters_pictures() -> None:
    """But for plans: their process is started by one module, with what was uploaded to one route."""
    imported = {
        name.split(".")[0]
        for path in python_files("aggregator")
        if shown(path) != PLAN_ENCODER
        for name, _ in names(path)
    }
    assert imported & {"cv2", "av", "numpy", "onnxruntime", *PICTURE_MODULES} == set()
    package = PLAN_ENCODER.removesuffix(".py").replace("/", ".")
    text = {shown(path): path.read_text() for path in python_files("aggregator") if shown(path) != PLAN_ENCODER}
    assert {name for name, it in text.items() if package in it} == {
        PLAN_ENCODER.replace("picture_process", "plan_picture")
    }
    users = {name for name, it in text.items() if "import recoded" in it}
    assert users == {PLAN_ENCODER.replace("picture_process", "floor_plan_service")}
    service = parsed(ROOT / next(iter(users)))
    asked = {it.attr for it in ast.walk(service) if isinstance(it, ast.Attribute)}
    assert asked & {"event_origin", "timeline", "cameras", "ask", "stored_clips", "jpeg"} == set()


def keys(shape: Any, path: str = "") -> Iterator[str]:
    """Dotted paths of all settings below `shape`."""
    info = msgspec.inspect.type_info(shape)
    yield from _keys(info, path)


def _keys(info: msgspec.inspect.Type, path: str) -> Iterator[str]:
    match info:
        case msgspec.inspect.StructType(fields=fields):
            for field in fields:
                child = f"{path}.{field.encode_name}" if path else field.encode_name
                yield child
                yield from _keys(field.type, child)
        case msgspec.inspect.UnionType(types=members):
            for member in members:
                yield from _keys(member, path)
        case msgspec.inspect.VarTupleType(item_type=item) | msgspec.inspect.ListType(item_type=item):
            yield from _keys(item, path)
        case msgspec.inspect.DictType(value_type=item):
            yield from _keys(item, path)


SWITCHES = re.compile(r"redact|blur|mask|anonym|priva|face|plate|picture|snapshot|clear|raw|identi|person|consent")


@pytest.mark.parametrize("shape", [BoxSettings, Settings])
def test_no_setting_could_switch_redaction_off(shape: type[msgspec.Struct]) -> None:
    known = list(keys(shape))
    assert "data" in known
    assert any("." in key for key in known)
    assert [key for key in known if SWITCHES.search(key)] == []


def test_no_variable_of_the_environment_changes_what_is_refused() -> None:
    read = set()
    for path in python_files(*PRODUCT):
        for node in nodes(path):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                read |= set(re.findall(r"PAIFANG_[A-Z_]+", node.value)) if len(node.value) < 40 else set()
    assert read == {"PAIFANG_DATA", "PAIFANG_MODELS_PATH"}


def test_an_alert_and_a_question_about_alerts_name_nobody() -> None:
    about_people = {"track", "person", "face", "plate", "vehicle", "credential", "identity", "name"}
    assert set(Alert.__struct_fields__) & about_people == set()
    assert set(AlertQuery.__dataclass_fields__) & about_people == set()
