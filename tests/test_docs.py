"""The documents say what the code says: settings, events, metrics, commands, models, alerts, ranks, links, examples."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from aggregator.domain.alerts.rules import RULES as ALERT_RULES
from aggregator.monitoring.metrics import Metrics
from aggregator.monitoring.site_metrics import SiteMetrics
from aggregator.settings.aggregator import Settings
from aggregator.web.dashboard.shell.rail import PAGES as DASHBOARD_PAGES
from edge.messaging import event_priorities
from edge.monitoring.metrics import Metrics as BoxMetrics
from edge.settings import node
from edge.settings.node import BoxSettings
from models import registry
from models.detector_factory import READERS, WRAPPERS
from models.model_sources import label
from paifang.cli import parser
from protocol.event_types import KINDS

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
Row = tuple[str, ...]


def document(name: str) -> str:
    (page,) = DOCS.rglob(name)
    return page.read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """What stands below a heading, down to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(title)}$", text, re.MULTILINE)
    assert found, f"there is no heading '{title}'"
    rest = text[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows(text: str) -> list[Row]:
    """Cells of every table row whose first cell is one word of code."""
    tables = [line for line in text.splitlines() if re.match(r"^\| `[^`]+` \|", line)]
    cells = [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in tables]
    return [(row[0].strip("` "), *row[1:]) for row in cells]


def coded(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def settings_of(info: inspect.Type, path: str = "") -> Iterator[tuple[str, str]]:
    """(dotted key, default) of every setting; `[]` stands for each entry, `NAME` for a key that the user chooses."""
    match info:
        case inspect.StructType(fields=fields):
            if info.tag is not None:
                yield f"{path}.{info.tag_field}", str(info.tag)
            for field in fields:
                child = f"{path}.{field.encode_name}" if path else field.encode_name
                yield child, _default(field)
                yield from settings_of(field.type, child)
        case inspect.UnionType(types=members):
            for member in members:
                yield from settings_of(member, path)
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            yield from settings_of(item, f"{path}[]")
        case inspect.DictType(value_type=item):
            yield from settings_of(item, f"{path}.NAME")


def _default(field: inspect.Field) -> str:
    if field.required:
        return "required"
    value: Any = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if isinstance(value, msgspec.Struct):
        return "below"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(str, value))}]"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # 0 is not false
    return {None: "none", "": "empty", True: "true", False: "false"}.get(value, str(value)) if value != {} else "{}"


@pytest.mark.parametrize(("title", "shape"), [("The box", BoxSettings), ("The aggregator", Settings)])
def test_every_setting_stands_in_its_table_with_its_default(title: str, shape: type[msgspec.Struct]) -> None:
    written = [(row[0], row[1].strip("`")) for row in rows(section(document("settings.md"), title))]
    known = list(settings_of(inspect.type_info(shape)))
    assert len(known) > 10
    assert sorted(written) == sorted(known)
    assert all(row[2].strip() for row in rows(document("settings.md")))


def test_every_kind_of_event_stands_in_its_table_with_its_fields() -> None:
    written = {row[0]: row[1] for row in rows(document("events.md")) if row[0] in KINDS or "." in row[0]}
    known = {
        kind: [f"{field.encode_name}{'' if field.required else '?'}" for field in msgspec.structs.fields(data)]
        for kind, data in KINDS.items()
    }
    assert {kind: coded(fields) for kind, fields in written.items()} == known


def names(registry: CollectorRegistry | Collector) -> set[str]:
    return {f"{it.name}_total" if it.type == "counter" else it.name for it in registry.collect()}


@pytest.mark.parametrize(
    ("title", "known"),
    [
        ("The box", names(BoxMetrics().registry)),
        ("The aggregator", names(Metrics().registry)),
        ("Sites and areas", names(SiteMetrics({}, {}))),
    ],
)
def test_every_metric_stands_in_its_table(title: str, known: set[str]) -> None:
    written = [row[0] for row in rows(section(document("metrics.md"), title))]
    assert sorted(written) == sorted(known)


def words_of(tree: argparse.ArgumentParser, path: str = "paifang") -> Iterator[tuple[str, list[str]]]:
    """(words, their arguments) of every command that does something."""
    own, below = [], {}
    for action in tree._actions:
        if isinstance(action, argparse._SubParsersAction):
            below = dict(action.choices)
        elif not isinstance(action, argparse._HelpAction):
            own.append(action.option_strings[0] if action.option_strings else str(action.metavar or action.dest))
    if own or not below:
        yield path, own
    for word, child in below.items():
        yield from words_of(child, f"{path} {word}")


def test_every_command_has_its_heading_and_its_arguments() -> None:
    text = document("commands.md")
    known = dict(words_of(parser()))
    assert "paifang edge run" in known
    headings = re.findall(r"^## `(paifang[^`]*)`$", text, re.MULTILINE)
    assert sorted(headings) == sorted(known)
    for command, arguments in known.items():
        assert [row[0] for row in rows(section(text, f"`{command}`"))] == arguments, command


def test_every_model_has_its_section() -> None:
    text = document("models.md")
    for model in registry.manifests():
        told = {row[0]: row[1] for row in rows(section(text, f"`{model.name}`"))}
        assert told["task"] == f"{model.task}, choice {model.order}"
        assert told["licence"] == model.licence
        assert told["caveat"] == model.caveat
        assert coded(told["sources"]) == [label(source) for source in model.sources]
        assert told["sha256"] == f"`{model.sha256}`"
        assert (told["wrapper"] == "none yet") == (model.name not in WRAPPERS | READERS)
    assert sorted(re.findall(r"^### `([^`]+)`$", text, re.MULTILINE)) == sorted(registry.MANIFESTS)


def test_every_kind_that_opens_an_alert_is_explained_to_the_installer() -> None:
    written = {row[0]: row[1:] for row in rows(section(document("operate.md"), "What each alert means"))}
    assert {kind: row[0] for kind, row in written.items()} == {it: rule.severity for it, rule in ALERT_RULES.items()}
    assert all(len(row) == 3 and len(row[2]) > 10 for row in written.values())


def test_the_order_in_which_a_full_outbox_drops_events_is_the_code_s() -> None:
    written = {row[0]: coded(row[1]) for row in rows(section(document("delivery.md"), "What a full outbox drops"))}
    names = {0: "LOWEST", 1: "LOW", 2: "MIDDLE", 3: "HIGH", 4: "NEVER"}
    known: dict[str, list[str]] = {name: [] for name in names.values()}
    for kind in KINDS:
        known[names[event_priorities.RANKS[kind]]].append(kind)
    assert {rank: sorted(kinds) for rank, kinds in written.items()} == {rank: sorted(it) for rank, it in known.items()}


PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
NOTES = ("time.md", "recording.md", "redaction.md", "delivery.md", "privacy.md", "scale.md")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    inside = [link for link in links if "://" not in link]
    assert [link for link in inside if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_file_that_is_named_is_there(path: Path) -> None:
    """`edge/messaging/outbox.py`, `tests/test_house.py` and the like, in code."""
    named = re.findall(r"`((?:[a-z_]+/)+[A-Za-z_.]+\.(?:py|yaml|toml|css|sh|md))`", path.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("name", NOTES)
def test_a_design_note_has_objectives_non_goals_and_alternatives(name: str) -> None:
    text = document(name)
    for title in ("Objectives", "Non-goals", "Alternatives considered"):
        assert len(section(text, title).strip()) > 100, f"{name}: {title}"


def test_all_seven_guarantees_are_told_to_users() -> None:
    text = document("privacy.md")
    assert re.findall(r"^### (\d)\. ", text, re.MULTILINE) == list("1234567")
    for number in range(1, 8):
        (title,) = re.findall(rf"^### ({number}\. .+)$", text, re.MULTILINE)
        told = section(text, title)
        assert "**Today:**" in told
    assert "Not built yet" not in text, "say what is built; leave the rest out"


def test_the_readme_s_first_camera_is_fifteen_lines_that_load(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", section(readme, "A first camera"), re.DOTALL)
    assert len(block.splitlines()) <= 15
    path = tmp_path / "box.yaml"
    path.write_text(block)
    for name in re.findall(r"password_file: (\S+)", block):
        (tmp_path / name.rstrip("}")).write_text("secret")
    loaded = node.load(path)
    assert loaded.cameras
    assert loaded.cameras[0].zones


def test_the_tables_to_extend_are_named_with_their_contract_tests() -> None:
    lines = [line for line in section(document("develop.md"), "Adding things").splitlines() if line.startswith("| a ")]
    assert len(lines) >= 5
    for line in lines:
        table, home = re.findall(r"\[`([A-Z]+)`\]\(([^)]+)\)", line)[0]
        assert re.search(rf"^{table}\b", (DOCS / "contributing" / home).read_text(encoding="utf-8"), re.MULTILINE), line
        tests = re.findall(r"\]\((?:\.\./)+(tests/[^)]+)\)", line)
        assert tests, line


def test_the_readme_has_at_most_150_lines_and_links_every_document() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 150
    pages = {str(page.relative_to(ROOT)) for page in DOCS.rglob("*.md")}
    assert pages - set(re.findall(r"\]\(([^)#]+)", readme)) == set()


def test_every_page_of_the_dashboard_has_its_screenshots() -> None:
    """`python tools/screenshots.py` makes them."""
    shown = re.findall(r"\(\.\./screenshots/(\w+)\.webp\)", document("screens.md"))
    assert sorted(shown) == sorted(DASHBOARD_PAGES.values())
    assert {it.stem for it in (DOCS / "screenshots").iterdir()} == set(shown)
