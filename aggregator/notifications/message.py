"""The text of a notification, in the recipient's language. Plain text: senders escape it for their channel.

Names from outside (places, zones, sites, levels) lose their control characters and what is too long; markup in them
stays text. No picture and no plate is in a message: a link leads to them, and asks for the log-in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aggregator.domain.escalation.records import AlertFacts

Texts = Mapping[str, str]
MOST_NAME = 80
FALLBACK_LANGUAGE = "en"


@dataclass(frozen=True)
class Message:
    """What is sent.

    Attributes:
        urgent: The alert is critical or high.
        link: Of the alert's page; empty where the dashboard's address is not known.
    """

    title: str
    body: str
    urgent: bool = True
    link: str = ""


@dataclass(frozen=True)
class Place:
    """Names and time for people: all as they are, not cleaned."""

    site: str
    name: str
    time: str
    level: str


def of_alert(words: Texts, alert: AlertFacts, place: Place, link: str, acknowledge: str) -> Message:
    """About an alert.

    Args:
        words: The language.
        alert: Which.
        place: Where and when, in words.
        link: Of the alert's page; empty: none.
        acknowledge: The acknowledgement link; empty: none.
    """
    kind = words.get(f"kind.{alert.kind}", alert.kind)
    fields = {
        "severity": words[f"severity.{alert.severity}"], "kind": clean(kind), "site": clean(place.site),
        "place": clean(place.name), "time": clean(place.time), "level": clean(place.level), "count": alert.count,
        "object": clean(words.get(f"object.{alert.object}", alert.object)), "subject": clean(alert.subject),
    }  # fmt: skip
    lines = [words["notify.where"], words["notify.when"]]
    lines += [words["notify.subject"]] if alert.subject or alert.object else []
    lines += [words["notify.level"]] if place.level else []
    text = [line.format(**fields) for line in lines]
    if acknowledge:
        text += [words["notify.acknowledge"].format(link=acknowledge)]
    text += [words["notify.open"].format(link=link) if link else words["notify.no_link"]]
    title = words["notify.title"].format(**fields)
    return Message(title, "\n".join(text), alert.severity in ("critical", "high"), link)


def of_digest(words: Texts, count: int, link: str) -> Message:
    """About alerts that came faster than one by one."""
    body = words["notify.digest.body"].format(count=count)
    open_it = words["notify.open"].format(link=link) if link else words["notify.no_link"]
    return Message(words["notify.digest.title"].format(count=count), f"{body}\n{open_it}", True, link)


def of_test(words: Texts, user: str, link: str) -> Message:
    """A test message."""
    return Message(words["notify.test.title"], words["notify.test.body"].format(user=clean(user)), False, link)


def clean(text: str) -> str:
    """One line of printable text of bounded length.

    >>> clean("Hall" + chr(10) + "<b>door</b>")
    'Hall <b>door</b>'
    """
    line = "".join(it if it.isprintable() else " " for it in text[: MOST_NAME + 1])
    return line if len(line) <= MOST_NAME else f"{line[: MOST_NAME - 1]}…"
