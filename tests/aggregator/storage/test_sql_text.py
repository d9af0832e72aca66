"""SQL stands as text in few modules of the aggregator, each with its reason; everything else is SQLAlchemy's."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SQL = re.compile(
    r"\b(SELECT\b.+\bFROM|INSERT\s+INTO|UPDATE\s+\S+\s+SET|DELETE\s+FROM|CREATE\s+(UNIQUE\s+)?(TABLE|INDEX)"
    r"|ALTER\s+TABLE|DROP\s+(TABLE|INDEX)|SELECT\s+\w+\s*\(|BEGIN\b|PRAGMA\s|COPY\s.+\b(FROM|TO)\b)",
    re.DOTALL,
)
SQL_TEXT = {
    "aggregator/storage/engines/database.py": "a condition on a list of any length",
    "aggregator/storage/migrations/__init__.py": "SQLite's number of the builds before 0.1",
    "aggregator/storage/engines/postgres.py": "locks and the session's settings",
    "aggregator/storage/engines/sqlite.py": "SQLite's settings, the start of a transaction",
    "aggregator/storage/tables/events.py": "the bulk insert of events",
}
"""Module of the aggregator → why it has SQL as text; every other one uses SQLAlchemy's expressions."""


def texts(path: Path) -> Iterator[str]:
    """Every string of a file, `{}` where something is put into it; no docstrings."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(it.value) if isinstance(it, ast.Constant) else "{}" for it in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_sql_stands_as_text_only_where_the_table_says() -> None:
    found = {
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "aggregator").rglob("*.py"))
        if any(map(SQL.search, texts(path)))
    }
    assert found == set(SQL_TEXT)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT id FROM events", "INSERT INTO events VALUES (1)", "UPDATE alerts SET state = 'open'", "PRAGMA foo=1",
        "DELETE FROM users", "CREATE TABLE x (id TEXT)", "CREATE INDEX x ON y (z)", "COPY events FROM STDIN",
        "\n  SELECT id,\n  site\n  FROM events\n",
    ],
)  # fmt: skip
def test_sql_is_recognized(text: str) -> None:
    assert SQL.search(text)
