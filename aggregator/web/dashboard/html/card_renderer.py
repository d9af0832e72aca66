"""Alert cards as HTML, rendered once for all open pages.

A change of an alert reaches every open page. Its HTML depends on the alert, the language, the camera's name, the date
at the site and whether the clip may be shown: pages for which these are the same share it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

from aggregator.domain.alerts.types import Alert
from aggregator.services.site_clock import SiteClock
from aggregator.web.dashboard.html import alert_html
from aggregator.web.dashboard.i18n.texts import TEXTS

MOST_PARTS = 1_000
"""Of about 1 kB each: the cards of some pages, twice in two languages."""


class CardRenderer:
    """Renders the parts of alert cards and keeps the newest; for one event loop.

    The keys hold everything that the HTML depends on, so that nothing in the cache is ever wrong. What a page may show
    is decided by the page (`clip`), and no button is part of the HTML.

    Args:
        sites: Names and time zones of sites.
        most: How many parts are kept.
    """

    def __init__(self, sites: SiteClock, most: int = MOST_PARTS) -> None:
        self._sites, self._most = sites, most
        self._parts: OrderedDict[Hashable, str] = OrderedDict()

    def media(self, alert: Alert, language: str, camera: str, *, clip: bool) -> str:
        """The picture of a card, or its clip.

        Args:
            alert: What is shown.
            language: Code of the texts.
            camera: The camera's name.
            clip: Whether there is a clip that the page's user may see.
        """
        make = alert_html.clip_html if clip else alert_html.picture_html
        return self._part(("media", alert, language, camera, clip), lambda: make(alert, TEXTS[language], camera))

    def body(self, alert: Alert, language: str, camera: str, timezone: str) -> str:
        """The texts of a card.

        Args:
            alert: What is shown.
            language: Code of the texts.
            camera: The camera's name.
            timezone: The box's, for sites without one of their own.
        """
        today = self._sites.now(alert.site, timezone).date()
        key = ("body", alert, language, camera, timezone, today)
        return self._part(key, lambda: self._body(alert, language, camera, timezone))

    def _body(self, alert: Alert, language: str, camera: str, timezone: str) -> str:
        now = self._sites.now(alert.site, timezone)
        first, last = (
            alert_html.clock_text(self._sites.local(alert.site, time_ns, timezone), now)
            for time_ns in (alert.first_ns, alert.last_ns)
        )
        site = self._sites.name(alert.site)
        return alert_html.body_html(alert, TEXTS[language], site=site, camera=camera, first=first, last=last)

    def _part(self, key: Hashable, make: Callable[[], str]) -> str:
        """A part from the cache; one that cannot be made is not kept."""
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = make()
            if len(self._parts) > self._most:
                self._parts.popitem(last=False)
        else:
            self._parts.move_to_end(key)
        return part
