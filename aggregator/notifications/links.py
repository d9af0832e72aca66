"""Links that acknowledge one alert in one person's name: signed, for one use, valid for 24 hours.

The token names an entry of the queue, and proves with a MAC of the key ring that the link was made here for that
entry's alert and recipient. The entry has its end, and whether it was used.
"""

from __future__ import annotations

import hmac

from aggregator.domain.escalation.notification import Notification
from aggregator.storage.keyring import KeyRing
from common.errors import NotificationError

_ID, _MAC = 36, 32
TOKEN_LENGTH = _ID + 1 + _MAC


def token(keys: KeyRing, it: Notification) -> str:
    """The link's secret part."""
    text = "\0".join((it.id, it.alert, it.recipient, str(it.link_until_ns)))
    return f"{it.id}.{keys.ticket('acknowledge', text)[:_MAC]}"


def entry_of(text: str) -> str:
    """The id of the entry that a token names.

    Raises:
        NotificationError: It is no token.
    """
    if len(text) != TOKEN_LENGTH or text[_ID] != "." or not text.isascii():
        raise NotificationError("invalid")
    return text[:_ID]


def check(keys: KeyRing, text: str, it: Notification | None, now_ns: int) -> Notification:
    """The entry of a token that may be used now.

    Raises:
        NotificationError: It may not: `invalid`, `used` or `expired`.
    """
    if it is None or it.purpose != "alert" or not hmac.compare_digest(token(keys, it), text):
        raise NotificationError("invalid")
    if it.link_used_ns:
        raise NotificationError("used")
    if now_ns >= it.link_until_ns:
        raise NotificationError("expired")
    return it
