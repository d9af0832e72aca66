"""The house rules that a machine can hold: sizes, import arrows, tables, locks, and what may stand in a file."""

from __future__ import annotations

import ast
import doctest
import importlib
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from constructor_kit import constructor_parameters
from source_kit import ROOT, imports, nodes, parsed, python_files

import paifang
from aggregator import storage
from aggregator.domain.alerts import rules as alert_rules
from aggregator.settings.aggregator import Settings
from aggregator.settings.alerts import OWN_KINDS
from edge import sources as edge_sources
from edge.messaging import event_priorities
from edge.settings.node import CameraSettings
from models import manifest, model_sources, registry
from models.detector_factory import WRAPPERS
from paifang.cli import GROUPS
from pipelines.rules import zone_rules
from protocol.event_types import KINDS

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PRODUCT = ("aggregator", "common", "edge", "protocol", "models", "paifang", "pipelines")
AROUND = ("demo", "benchmarks", "tests")
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_PARAMETERS = 400, 60, 7

BUILT_ONCE = {
    "edge": {
        *("MqttClient", "Outbox", "OutboxPublisher", "InferencePool", "SnapshotRedactor", "EventReporter"),
        *("FrameAnalyzer", "CameraWorker", "LatestFrameQueue", "StatusPublisher", "StatusServer", "Metrics"),
        *("SystemClock", "ModelStore", "KeyframeMode"),
    },
    "aggregator": {
        *("EmbeddedServer", "MqttClient", "BatchProcessor", "EventConsumer", "Authenticator", "ChangeFeed"),
        *("Health", "Metrics", "WriteQueue", "SiteListService", "SqliteStore", "SystemClock"),
    },
}
"""Package → its concrete parts; only `app.py`, or the package `app`, builds them, with the models of `loaded_models.py`
(and `replay.py`, a composition root for one file)."""


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """Names that a file calls (`Name(…)` and `module.Name(…)`), with their lines."""
    for node in nodes(path):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id, node.lineno
            elif isinstance(node.func, ast.Attribute):
                yield node.func.attr, node.lineno


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_file_is_longer_than_the_cap() -> None:
    lengths = {shown(path): len(path.read_text().splitlines()) for path in python_files(*PRODUCT, *AROUND)}
    assert len(lengths) > 100
    assert {name: lines for name, lines in lengths.items() if lines > MAX_FILE_LINES} == {}


def test_no_function_is_longer_than_the_cap() -> None:
    too_long = [
        f"{shown(path)}:{node.lineno} {node.name}"
        for path in python_files(*PRODUCT, *AROUND)
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (node.end_lineno or 0) - node.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert too_long == []


def test_no_constructor_takes_more_than_the_cap() -> None:
    taken = {
        f"{shown(path)}:{node.lineno} {node.name}": constructor_parameters(node)
        for path in python_files(*PRODUCT, *AROUND)
        for node in nodes(path)
        if isinstance(node, ast.ClassDef)
    }
    assert sum(len(names) > 3 for names in taken.values()) > 100, "constructors are not found any more"
    assert {name: names for name, names in taken.items() if len(names) > MAX_PARAMETERS} == {}


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("class A:\n def __init__(self, a, /, b, *, c=1): ...", "abc"),
        ("@dataclass\nclass A:\n a: int\n b: int = 0\n c: int = field(default=0, init=False)\n _d: int = 0", "ab"),
        ("@dataclass\nclass A:\n a: int = 0\n def f(self): ...", "a"),
        ("@dataclass(frozen=True)\nclass A:\n a: int\n _b: int\n def f(self): ...", ["a", "_b"]),
        ("@dataclass(frozen=True)\nclass A:\n a: int\n @property\n def f(self): ...", ""),
        ("@dataclass\nclass A:\n a: int = 0", ""),
        ("class A(Struct):\n a: int", ""),
    ],
)
def test_records_are_no_constructors_and_state_is_no_parameter(code: str, names: str | list[str]) -> None:
    (node,) = ast.parse(code).body
    assert isinstance(node, ast.ClassDef)
    assert constructor_parameters(node) == list(names)


def test_the_import_contracts_cover_every_package() -> None:
    """`make check` runs import-linter, which holds the contracts of `pyproject.toml`."""
    wheel = set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert wheel == {*PRODUCT, "demo"}
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    linted = PROJECT["tool"]["importlinter"]
    assert folders == set(linted["root_packages"])
    layered = {name for layer in linted["contracts"][0]["layers"] for name in layer.split(" | ")}
    assert layered == folders
    assert not any("ignore_imports" in contract for contract in linted["contracts"])
    assert "lint-imports" in (ROOT / "Makefile").read_text()


def test_routes_and_services_depend_on_areas_of_the_store_and_not_on_all_of_it() -> None:
    files = [*python_files("aggregator/services"), *python_files("aggregator/web/api")]
    assert {shown(it) for it in files if "aggregator.domain.store_port.Reader" in imports(it)} == set()


def test_models_take_nothing_but_types_from_the_pipelines() -> None:
    taken = {name for path in python_files("models") for name in imports(path) if name.startswith("pipelines")}
    assert {name for name in taken if not name.startswith("pipelines.types")} == set()


def test_only_the_command_imports_by_name() -> None:
    wrong = [
        f"{shown(path)}:{line}"
        for path in python_files(*PRODUCT)
        for name, line in calls(path)
        if name in ("import_module", "__import__", "exec", "eval") and shown(path) != "paifang/cli.py"
    ]
    assert wrong == []


@pytest.mark.parametrize("package", BUILT_ONCE)
def test_only_app_builds_concrete_parts(package: str) -> None:
    roots = {ROOT / package / name for name in ("app.py", "loaded_models.py", "video/replay.py")}
    roots |= set((ROOT / package / "app").glob("*.py"))
    wrong = [
        f"{shown(path)}:{line} builds {name}"
        for path in python_files(package)
        for name, line in calls(path)
        if name in BUILT_ONCE[package] and path not in roots
    ]
    assert wrong == []
    built = {name for path in roots if path.exists() for name, _ in calls(path)}
    known = {
        node.name for path in python_files(*PRODUCT) for node in parsed(path).body if isinstance(node, ast.ClassDef)
    }
    assert BUILT_ONCE[package] <= known, "the list above names what is not there any more"
    assert len(BUILT_ONCE[package] & built) > 6


FORBIDDEN_IN_PURE = {
    *("time", "threading", "multiprocessing", "concurrent", "asyncio", "queue", "select", "signal", "subprocess"),
    *("socket", "ssl", "http", "urllib", "ftplib", "smtplib", "random", "secrets", "os", "shutil", "tempfile"),
    *("sqlite3", "av", "paho", "onnxruntime", "requests", "httpx", "httpx2", "structlog"),
}


@pytest.mark.parametrize("package", ["pipelines", "protocol"])
def test_pure_packages_know_no_clock_thread_chance_or_network(package: str) -> None:
    for path in python_files(package):
        wrong = {name for name in imports(path) if name.split(".")[0] in FORBIDDEN_IN_PURE}
        wrong |= {name for name in imports(path) if name in ("common.clock.SystemClock", "common.logging_setup")}
        wrong |= {name for name, _ in calls(path) if name in ("now", "utcnow", "today", "sleep", "default_rng", "open")}
        assert wrong == set(), shown(path)


TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".sh", ".css", ".lock", ".edge", ".cfg", ".txt", ""}
GENERATED = {
    ".git",
    ".venv",
    ".hypothesis",
    "__pycache__",
    "node_modules",
    "var",
    "data",
    "dist",
    "build",
    "test-results",
}


def written_files() -> Iterator[Path]:
    """Files that people wrote: everything but what tools leave behind. In a worktree `.git` is a file."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [it for it in folders if it not in GENERATED and not it.endswith(("_cache", ".egg-info"))]
        written = (Path(folder, name) for name in sorted(files) if name not in GENERATED)
        yield from (path for path in written if path.suffix in TEXT)


REGISTRIES = re.compile(
    "|".join(
        (r"\bpy" + r"pi\.org", r"python" + r"hosted\.", r"\bnp" + r"mjs\.", r"\bdeb\." + r"debian", "index" + "-url=")
    )
)
MACHINE_PATHS = re.compile(
    r"(?<![\w.~}\-])/(?:" + "|".join(("wo" + "rk", "tm" + "p", "ro" + "ot", "ho" + "me")) + r")\b"
)


def test_no_registry_address_and_no_machine_path_stands_in_a_file() -> None:
    files = list(written_files())
    assert ROOT / "pyproject.toml" in files
    assert ROOT / "tests" / "test_house.py" in files
    found = [
        f"{shown(path)}:{number}: {line.strip()[:80]}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if REGISTRIES.search(line) or MACHINE_PATHS.search(line)
    ]
    assert found == []


def test_nothing_is_skipped_unfinished_or_expected_to_fail() -> None:
    words = re.compile(r"(pytest|unittest|mark)\.(skip|importorskip|skipif|skipIf|xfail)\b|Not" + "ImplementedError")
    unfinished = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
    wrong = [
        f"{shown(path)}:{node.lineno} {ast.unparse(node)}"
        for path in python_files(*PRODUCT, *AROUND)
        if words.search(path.read_text())
        for node in nodes(path)
        if isinstance(node, ast.Attribute | ast.Name) and words.search(ast.unparse(node))
    ]
    wrong += [shown(path) for path in python_files(*PRODUCT, *AROUND) if unfinished.search(path.read_text())]
    assert wrong == []


REQUIREMENT = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)(?: ; .+)? \\$", re.IGNORECASE)


def locked(name: str) -> dict[str, str]:
    """Package → version of a lock file; fails where one has no hash or anything else stands there."""
    found: dict[str, str] = {}
    hashes: dict[str, int] = {}
    package = ""
    for line in (ROOT / name).read_text().splitlines():
        if match := REQUIREMENT.match(line):
            package = match[1].lower()
            found[package] = match[2]
        elif line.startswith("    --hash=sha256:"):
            hashes[package] = hashes.get(package, 0) + 1
        else:
            assert not line.strip() or line.strip().startswith("#"), f"{name}: {line}"
    assert found
    assert set(hashes) == set(found), f"{name}: packages without a hash"
    return found


def test_both_locks_pin_every_dependency_with_hashes_and_agree() -> None:
    box, dev = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {name: version for name, version in box.items() if dev.get(name) != version} == {}
    needed = PROJECT["project"]["dependencies"]
    extras = PROJECT["project"]["optional-dependencies"]["dev"]
    for lock, wanted in ((box, needed), (dev, needed + extras)):
        names = {re.split(r"[<>=!~\[; ]", text)[0].lower() for text in wanted}
        assert names - set(lock) == set()


@pytest.mark.parametrize("package", ["insightface", "ffmpeg-python", "face-recognition", "deepface", "dlib"])
def test_what_we_refuse_is_not_locked(package: str) -> None:
    assert package not in locked("requirements-dev.lock")


def test_one_version_everywhere() -> None:
    from edge import app

    assert PROJECT["project"]["version"] == paifang.__version__ == app.VERSION


TABLES: dict[str, dict[Any, Any]] = {
    "aggregator.storage.STORES": storage.STORES,
    "edge.sources.SOURCES": edge_sources.SOURCES,
    "models.model_sources.SOURCES": model_sources.SOURCES,
    "models.detector_factory.WRAPPERS": WRAPPERS,
    "pipelines.rules.zone_rules.RULES": zone_rules.RULES,
}


@pytest.mark.parametrize("name", TABLES)
def test_every_entry_of_a_table_can_be_called(name: str) -> None:
    assert TABLES[name]
    assert all(callable(entry) for entry in TABLES[name].values())


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_what_the_code_goes_by(name: str) -> None:
    """It is read somewhere: a table beside a chain of `if`s would be decoration."""
    module, _, table = name.rpartition(".")
    home = ROOT / f"{module.replace('.', '/')}.py"
    home = home if home.is_file() else ROOT / module.replace(".", "/") / "__init__.py"
    readers = [path for path in python_files(*PRODUCT) if path == home or f"{module}.{table}" in imports(path)]
    used = [
        node
        for path in readers
        for node in nodes(path)
        if isinstance(node, ast.Name) and node.id == table and isinstance(node.ctx, ast.Load)
    ]
    assert used, f"nobody reads {name}"


def fields_of(*files: str) -> Iterator[str]:
    """Names of the fields of the settings' classes."""
    for file in files:
        for node in parsed(ROOT / file).body:
            if isinstance(node, ast.ClassDef):
                yield from (
                    it.target.id
                    for it in node.body
                    if isinstance(it, ast.AnnAssign) and isinstance(it.target, ast.Name)
                )


@pytest.mark.parametrize(
    ("package", "files"),
    [
        ("edge", ("edge/settings/node.py", "pipelines/settings.py")),
        ("aggregator", ("aggregator/settings/aggregator.py",)),
    ],
)
def test_every_setting_is_read_by_the_code(package: str, files: tuple[str, ...]) -> None:
    paths = [path for path in python_files(package, "pipelines") if shown(path) not in files]
    read = {node.attr for path in paths for node in nodes(path) if isinstance(node, ast.Attribute)}
    by_name = {
        "covered_s",
        "frozen_s",
        "moved_s",
        "defocused_s",
    }  # pipelines/camera_tamper_detector.py asks for them by trouble
    through_a_property = {"url", "watch_url"} if "watched_url" in read else set()
    assert set(fields_of(*files)) - read - by_name - through_a_property == set()


@pytest.mark.parametrize("group", GROUPS)
def test_every_group_of_the_command_has_its_module(group: str) -> None:
    assert callable(importlib.import_module(GROUPS[group]).configure)


def test_the_keys_of_the_tables_are_what_they_belong_to() -> None:
    assert set(WRAPPERS) <= set(registry.MANIFESTS)
    assert {model.task for model in registry.manifests()} == set(manifest.TASKS)
    assert set(model_sources.SOURCES) == set(manifest.Source.__args__)
    assert set(zone_rules.RULES) <= set(CameraSettings.__struct_fields__)
    assert set(storage.STORES) == set(Settings.__annotations__ and _literal(Settings, "store"))
    assert set(event_priorities.RANKS) == set(KINDS)
    assert set(alert_rules.RULES) | alert_rules.QUIET == set(KINDS) | OWN_KINDS
    assert set(alert_rules.RULES) & alert_rules.QUIET == set()


def _literal(shape: type, key: str) -> set[str]:
    import typing

    return set(typing.get_args(typing.get_type_hints(shape)[key]))


def modules_with_examples() -> list[str]:
    files = [path for path in python_files(*PRODUCT, "demo") if ">>> " in path.read_text(encoding="utf-8")]
    return [shown(path).removesuffix(".py").replace("/", ".") for path in files]


@pytest.mark.parametrize("name", modules_with_examples())
def test_the_examples_in_docstrings_are_true(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
