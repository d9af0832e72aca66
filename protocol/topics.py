"""MQTT topics (DESIGN section 6): `paifang/v1/{site}/{box}/…`."""

from __future__ import annotations

from dataclasses import dataclass

from common.errors import ContractError
from protocol.identifiers import check_name

ROOT = "paifang/v1"
ALL_EVENTS = f"{ROOT}/+/+/events"
ALL_STATUS = f"{ROOT}/+/+/status"
ALL_REPLIES = f"{ROOT}/+/+/replies/+"


@dataclass(frozen=True)
class BoxTopics:
    """The topics of one box.

    >>> BoxTopics("village", "gate-1").events
    'paifang/v1/village/gate-1/events'
    """

    site: str
    box: str

    def __post_init__(self) -> None:
        check_name(self.site, "site")
        check_name(self.box, "box")

    @property
    def base(self) -> str:
        """What all topics of the box start with."""
        return f"{ROOT}/{self.site}/{self.box}"

    @property
    def events(self) -> str:
        """Box to aggregator, QoS 1."""
        return f"{self.base}/events"

    @property
    def status(self) -> str:
        """Box to aggregator, retained; also the last will."""
        return f"{self.base}/status"

    @property
    def receipts(self) -> str:
        """Aggregator to box, retained: what has been committed."""
        return f"{self.base}/receipts"

    @property
    def config_desired(self) -> str:
        """Aggregator to box, retained."""
        return f"{self.base}/config/desired"

    @property
    def config_reported(self) -> str:
        """Box to aggregator, retained."""
        return f"{self.base}/config/reported"

    def command(self, name: str) -> str:
        """Aggregator to box: do this."""
        return f"{self.base}/commands/{check_name(name, 'command')}"

    def reply(self, request: str) -> str:
        """Box to aggregator: what came of it."""
        return f"{self.base}/replies/{check_name(request, 'reply')}"


def box_of(topic: str) -> BoxTopics:
    """The box that a topic belongs to.

    Raises:
        ContractError: Not one of our topics.
    """
    parts = topic.split("/")
    if len(parts) < 5 or "/".join(parts[:2]) != ROOT:
        raise ContractError(f"topic '{topic[:120]}' is not {ROOT}/SITE/BOX/…")
    return BoxTopics(parts[2], parts[3])
