"""Writes docs/contributing/faults.md: the 29 faults that were found by trying the dashboard, and the tests of each.

A test of a fault is named `test_ux_NN_…`, or stands in `OTHERS`. Run `python tools/ux_faults.py` after adding one; a
test compares the page with what this makes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "contributing" / "faults.md"
FAULTS = (
    "Of 213 open alerts 60 were shown, the critical one not among them; no count, order, sound or title badge",
    "A forced door was gone unseen as soon as the door closed",
    "An acknowledged alert took in 442 more events, and eight duress codes became “8 times”",
    "A barred plate was overwritten by adding it as registered, and the barrier opened",
    "A new alert moved another button under the pointer",
    "Live: another camera than the chosen one played on; a frozen picture stayed; no name or time on it",
    "Dates meant 00:00 UTC: “visitor until today” was refused as past",
    "The verifier called an untouched export tampered because a checkpoint was newer",
    "Dark theme: form fields could not be read",
    "“516 times” had the latest picture and the first clip, and said neither",
    "Older alerts could not be found",
    "The installer saw only “My account”; a lost camera had no reason and no since when",
    "A monitor could not see why a vehicle was barred",
    "Raw validator texts; dialogs lost what was typed; Enter did nothing",
    "The demo's gate and its list had different plates; a restart locked the one-time user out",
    "Passwords reset in one click, misspelt scopes taken, names in ASCII only; no tokens page, no recovery codes",
    "100 hits covered 56 s, without grouping; a clip needed 27 presses of “again”",
    "Footage: a click on the line did nothing, no zoom, a silent cap of 1,000 events",
    "Opening a page counted as 221 accesses; ids and UTC in the audit page",
    "19 tab stops to the first Acknowledge; the focus was lost after it",
    "No language, no h1, duplicate landmarks, poor contrast, fields without labels",
    "Portrait pictures stretched cards",
    "65 cameras in a side panel, the lost ones not first",
    "A live picture that was black for overload was called “0.5 s late”",
    "Ids stood where names belong",
    "A session ended without a word; raw JSON for 403 and 404; “all work” while disconnected",
    "Telephone: navigation took 190 px, pages were wider than the screen",
    "1.2 to 4 MB and 1.6 to 4.9 s a page",
    "The number of dead letters was shown to those without the right",
)
OTHERS: dict[int, tuple[str, ...]] = {
    1: ("tests/e2e/test_night_shift.py::test_a_night_shift",),
    12: (
        "tests/edge/settings/test_camera_settings.py::test_connect_says_what_each_camera_sends_or_why_it_cannot_be_had",
    ),
    26: ("tests/e2e/test_database_away.py::test_the_page_says_so_nothing_typed_or_seen_is_lost_and_it_goes_on",),
}
"""Fault → tests of it that have another name."""
_NAMED = re.compile(r"^ *(?:async )?def (test_ux_([0-9]{2})_\w+)", re.MULTILINE)
_HEAD = """# Faults that tests keep away

In November 2026 the dashboard was tried with one account for each role. These 29 faults were found; each has tests
that are named `test_ux_NN_…` after its number, and some that are not. `python tools/ux_faults.py` writes this page.

| No. | Fault | Tests |
| --- | --- | --- |
"""


def tests() -> dict[int, list[str]]:
    """Fault → its tests, `file::test`.

    Raises:
        ValueError: A test that is named in `OTHERS` does not exist, or a number is none of a fault.
    """
    found: dict[int, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for name, number in _NAMED.findall(path.read_text("utf-8")):
            found[int(number)].append(f"{path.relative_to(ROOT).as_posix()}::{name}")
    for fault, others in OTHERS.items():
        for other in others:
            file, _, name = other.partition("::")
            path = ROOT / file
            if not path.is_file() or (name and f"def {name}(" not in path.read_text("utf-8")):
                raise ValueError(f"OTHERS[{fault}]: there is no test {other}")
            found[fault].append(other)
    wrong = set(found) - set(range(1, len(FAULTS) + 1))
    if wrong:
        raise ValueError(f"tests named after faults that are not there: {sorted(wrong)}")
    return found


def missing() -> list[int]:
    """Faults without a test."""
    found = tests()
    return [number for number in range(1, len(FAULTS) + 1) if not found.get(number)]


def page() -> str:
    """The page as it should be."""
    found = tests()
    lines = []
    for number, fault in enumerate(FAULTS, 1):
        named = "<br>".join(f"`{it.removeprefix('tests/')}`" for it in found.get(number, ())) or "none yet"
        lines.append(f"| {number} | {fault} | {named} |")
    return _HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print("faults without a test:", ", ".join(map(str, missing())) or "none")  # noqa: T201
