"""Consumers and their feeds, put together; nothing is started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aggregator.app.broker import new_token
from aggregator.auth.account_service import RandomValues
from aggregator.auth.accounts.scopes import ScopeChecker
from aggregator.services.feeds.consumer_service import ConsumerService

if TYPE_CHECKING:
    from aggregator.app.parts import Core


@dataclass(frozen=True)
class Feeds:
    """What routes and jobs need."""

    consumers: ConsumerService


def feeds(core: Core, scopes: ScopeChecker) -> Feeds:
    """Put the parts together.

    Args:
        core: What nearly every part works with.
        scopes: The sites and areas that exist.
    """
    random = RandomValues(new_token, core.new_id)
    return Feeds(ConsumerService(core.reader, core.queue, scopes, core.clock, random))
