"""What the pages do, programs can do too: every use of a service by a page has a route that uses the same method.

Pages of scripts use the API itself. The others are read as source: whatever has the type of a service, and what is
called on it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aggregator
from aggregator.auth.account_service import AccountService
from aggregator.auth.accounts.grant_requests import GrantRequests
from aggregator.domain.store_port.events import EventReader
from aggregator.services.box_command_service import COMMAND_PERMISSIONS, BoxCommandService
from aggregator.services.footage.case_footage_service import CaseFootageService
from aggregator.services.footage.clip_service import ClipService
from aggregator.services.footage.hold_service import HoldService
from aggregator.services.monitoring.quiet_service import QuietService
from aggregator.services.release_service import ReleaseService
from aggregator.services.search_service import SearchService
from aggregator.services.shift.handover_service import HandoverService
from aggregator.services.shift.procedure_service import ProcedureService
from aggregator.services.shift.statistics_service import StatisticsService
from aggregator.services.site_lists.passage_service import PassageService
from aggregator.services.site_lists.site_list_service import SiteListService

ROOT = Path(aggregator.__file__).parent
PAGES, ROUTES = ROOT / "web" / "dashboard", ROOT / "web" / "api"
CLASSES: dict[str, type] = {
    it.__name__: it
    for it in (
        AccountService, BoxCommandService, CaseFootageService, ClipService, EventReader, GrantRequests,
        HandoverService, HoldService, PassageService, ProcedureService, QuietService, ReleaseService, SearchService,
        SiteListService, StatisticsService,
    )
}  # fmt: skip
OTHERWISE = {
    ("PassageService", "reasons"): "`GET /api/passages/{event_id}/entry` gives the reason of one passage",
    ("SearchService", "open_case_of"): "`GET /api/cases?open=true` has every open case",
}
"""(class, method) → the route that does the same with another method."""


@dataclass
class Uses:
    """What a module has: name or attribute → class; and what it uses of these: (class, method)."""

    types: dict[str, str] = field(default_factory=dict)
    found: set[tuple[str, str]] = field(default_factory=set)


def class_of(annotation: ast.expr | None) -> str:
    """The class that an annotation names, without `| None`."""
    names = [it.id for it in ast.walk(annotation) if isinstance(it, ast.Name)] if annotation is not None else []
    return next((it for it in names if it in CLASSES), "")


def last_name(node: ast.expr) -> str:
    """`_releases` of `self._releases`, and of `_releases`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def assigned(node: ast.AST) -> Iterator[tuple[str, str]]:
    """(to, from) of assignments of names, also of several at once."""
    if not isinstance(node, ast.Assign):
        return
    for target in node.targets:
        many = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
        pairs = zip(target.elts, node.value.elts, strict=True) if many else [(target, node.value)]  # type: ignore[attr-defined]
        for to, value in pairs:
            if last_name(to) and last_name(value):
                yield last_name(to), last_name(value)


def uses(text: str) -> set[tuple[str, str]]:
    """The methods of services and readers that a module's source uses."""
    tree, it = ast.parse(text), Uses()
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and class_of(node.annotation):
            it.types[node.arg] = class_of(node.annotation)
        if isinstance(node, ast.AnnAssign) and class_of(node.annotation):
            it.types[last_name(node.target)] = class_of(node.annotation)
    for node in ast.walk(tree):
        for to, value in assigned(node):
            if value in it.types:
                it.types.setdefault(to, it.types[value])
    for node in ast.walk(tree):
        kind = it.types.get(last_name(node.value), "") if isinstance(node, ast.Attribute) else ""
        if isinstance(node, ast.Attribute) and callable(getattr(CLASSES.get(kind), node.attr, None)):
            it.found.add((kind, node.attr))
    return it.found


def used_below(folder: Path) -> set[tuple[str, str]]:
    files = [it for it in sorted(folder.rglob("*.py")) if it.parent.name != "login"]
    return set().union(*(uses(it.read_text(encoding="utf-8")) for it in files))


def test_the_reading_of_sources_finds_what_is_used() -> None:
    text = """
class Page:
    service: SearchService | None
    def __init__(self, context: Context, lists: SiteListService, reader: EventReader) -> None:
        self._lists, self._reader = lists, reader
    async def act(self) -> None:
        await self._lists.add(1)
        await asyncio.to_thread(self._reader.timeline, 2)
        self.service.cases()
        self.other.nothing()
"""
    assert uses(text) == {("SiteListService", "add"), ("EventReader", "timeline"), ("SearchService", "cases")}


def test_every_method_that_a_page_uses_is_used_by_a_route() -> None:
    pages, routes = used_below(PAGES), used_below(ROUTES)
    assert len(pages) > 30, "the pages use services"
    assert pages - routes - OTHERWISE.keys() == set()
    assert OTHERWISE.keys() <= pages - routes, "an exception that is needed no more"


def test_every_command_to_a_box_has_a_route() -> None:
    sources = "".join(it.read_text(encoding="utf-8") for it in sorted(ROUTES.rglob("*.py")))
    assert {it for it in COMMAND_PERMISSIONS if f'"{it}"' not in sources} == set()
