"""The escalation of each site: from the settings file, or what was saved through the API; who is on call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

import msgspec

from aggregator.domain.accounts.authorization import Areas, Principal
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.escalation.records import EscalationDocument
from aggregator.domain.escalation.rota import on_call
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.accounts import AccountReader
from aggregator.domain.store_port.escalation import EscalationReader, EscalationWriter, NotificationReader
from aggregator.services.monitoring import holiday_calendar
from aggregator.services.monitoring.people import People
from aggregator.services.monitoring.place_directory import PlaceDirectory
from aggregator.settings.escalation import SUPERVISORS, USER, WHOLE_SITE, Chain, Escalation, Level
from common import logging_setup, validation
from common.clock import Clock
from common.errors import EscalationError

_log = logging_setup.get("escalation")
FALLBACK = Escalation(chains={"supervisors": Chain(areas=(WHOLE_SITE,), levels=(Level(notify=(SUPERVISORS,)),))})
"""What counts where the saved configuration cannot be used."""


class EscalationStore(EscalationReader, NotificationReader, AccountReader, Protocol):
    """What is read."""


@dataclass(frozen=True)
class SiteEscalation:
    """A site's configuration.

    Attributes:
        source: Where it comes from; `fallback`: what was saved cannot be used, for the reason in `problem`.
    """

    site: str
    config: Escalation
    version: int = 0
    source: Literal["settings", "saved", "fallback"] = "settings"
    problem: str = ""


@dataclass(frozen=True)
class OnCall:
    """Who is on call in a rota."""

    rota: str
    user: str


@dataclass
class EscalationService:
    """Reads and changes configurations.

    Args:
        reader: Configurations and accounts.
        queue: Of the store's writer.
        configured: Site → its section of the settings file.
        places: The sites and their time zones.
        areas: The areas of each place.
        clock: The present.
    """

    reader: EscalationStore
    queue: WriteJobs[EscalationWriter]
    configured: Mapping[str, Escalation]
    places: PlaceDirectory
    areas: Areas
    clock: Clock
    _parsed: dict[str, SiteEscalation] = field(default_factory=dict, init=False)

    def current(self) -> dict[str, SiteEscalation]:
        """The configuration of each site that has one."""
        found = {site: SiteEscalation(site, config) for site, config in self.configured.items() if config.chains}
        for document in self.reader.escalation_documents():
            found[document.site] = self._parse(document)
        return found

    def configs(self) -> dict[str, Escalation]:
        """The same without where it comes from."""
        return {site: it.config for site, it in self.current().items()}

    def seen_by(self, caller: Principal) -> list[SiteEscalation]:
        """The configurations of the sites that the caller may see, all of a site or a part of it."""
        within = caller.within("escalation.see")
        known = {site: SiteEscalation(site, Escalation()) for site in self.places.sites.sites} | self.current()
        return [it for site, it in sorted(known.items()) if within.touches(site)]

    def of_site(self, caller: Principal, site: str) -> SiteEscalation | None:
        """A site's configuration; None where it lies outside the caller's sites."""
        if not caller.within("escalation.see").touches(site):
            return None
        return self.current().get(site, SiteEscalation(site, Escalation()))

    async def save(self, caller: Principal, site: str, document: Mapping[str, Any], version: int) -> list[str]:
        """Save a site's configuration; it takes the place of the settings file's.

        Returns:
            Warnings: what is allowed and probably not meant.

        Raises:
            Forbidden: The site is not the caller's.
            EscalationError: It cannot be used, or somebody else has changed it since `version`.
        """
        caller.need("escalation.change", site)
        config = parsed(document)
        found = await asyncio.to_thread(lambda: [*self._unknown(config, site, People(self.reader, self.areas))])
        if found:
            raise EscalationError("; ".join(found))
        text = msgspec.json.encode(config).decode()
        new = EscalationDocument(site, text, version + 1)
        entry = AuditEntry(
            time_ns=self.clock.wall_ns(), who=caller.name, what="escalation.changed", site=site,
            detail={"version": str(new.version), "chains": ", ".join(config.chains)[:400]},
        )  # fmt: skip
        if not await self.queue.write(lambda store: store.put_escalation(new, entry)):
            raise EscalationError("version: somebody else has changed it meanwhile; read it again")
        return await asyncio.to_thread(self._warnings, config)

    def on_call(self, it: SiteEscalation, at_ns: int) -> list[OnCall]:
        """Who is on call in each rota at an instant."""
        zone = self.zone(it.site)
        return [OnCall(name, on_call(rota, at_ns, zone)) for name, rota in it.config.rotas.items()]

    def zone(self, site: str) -> ZoneInfo:
        """A site's time zone. Takes a read.

        Raises:
            StoreError: It cannot be read.
        """
        self.places.refresh()
        return self.places.site_zone(site)

    def check_at_start(self) -> None:
        """Log what the settings file names and is not there: at once, not when an alert comes."""
        people = People(self.reader, self.areas)
        for site, config in self.configured.items():
            for problem in self._unknown(config, site, people):
                _log.error("escalation incomplete", site=site, problem=f"escalation.{site}.{problem}")

    def _parse(self, document: EscalationDocument) -> SiteEscalation:
        site, version = document.site, document.version
        known = self._parsed.get(site)
        if known is not None and known.version == version:
            return known
        try:
            found = SiteEscalation(site, parsed(msgspec.json.decode(document.document)), version, "saved")
        except (EscalationError, msgspec.DecodeError) as error:
            _log.error("saved escalation unusable, supervisors are notified", site=site, problem=str(error))
            found = SiteEscalation(site, FALLBACK, version, "fallback", str(error))
        self._parsed[site] = found
        return found

    def _unknown(self, config: Escalation, site: str, people: People) -> Iterator[str]:
        """Users, areas and countries that are not there."""
        known = {area for (its_site, _), areas in self.areas.items() if its_site == site for area in areas}
        for name, chain in config.chains.items():
            for area in set(chain.areas) - known - {WHOLE_SITE}:
                yield f"chains.{name}.areas: the site has no area '{area}'"
            for number, level in enumerate(chain.levels):
                for target in (*level.notify, *level.outside):
                    user = target.removeprefix(USER)
                    if user != target and not self._reaches(people, user, site):
                        yield f"chains.{name}.levels[{number}].notify: {self._why(people, user, site)}"
        for name, rota in config.rotas.items():
            for user in (*rota.people, *(it.user for it in rota.overrides)):
                if not self._reaches(people, user, site):
                    yield f"rotas.{name}.people: {self._why(people, user, site)}"
        for name, calendar in config.calendars.items():
            if calendar.holidays and not holiday_calendar.is_known(calendar.holidays):
                yield f"calendars.{name}.holidays: the holidays of '{calendar.holidays}' are not known"

    @staticmethod
    def _reaches(people: People, user: str, site: str) -> bool:
        principal = people.principals.get(user)
        return principal is not None and principal.within("alerts.see").touches(site)

    @staticmethod
    def _why(people: People, user: str, site: str) -> str:
        if user not in people.principals:
            return f"there is no user '{user[:64]}'"
        return f"'{user[:64]}' may not see the alerts of {site}; give a role first"

    def _warnings(self, config: Escalation) -> list[str]:
        """People who are on call and have no target: only the dashboard shows them the alert."""
        users = {user for rota in config.rotas.values() for user in rota.people}
        users |= {
            target.removeprefix(USER)
            for chain in config.chains.values()
            for level in chain.levels
            for target in (*level.notify, *level.outside)
            if target.startswith(USER)
        }
        reached = {it.user for it in self.reader.notification_targets(sorted(users), self.clock.wall_ns())}
        silent = sorted(users - reached)
        return [f"'{user}' has no notification target and sees alerts in the dashboard only" for user in silent]


def parsed(document: Any) -> Escalation:
    """A configuration from JSON.

    Raises:
        EscalationError: It cannot be used; names every field that is wrong.
    """
    found = validation.problems(document, Escalation)
    if found:
        raise EscalationError("; ".join(f"{it.path}: {it.text}" if it.path else it.text for it in found))
    return msgspec.convert(document, Escalation)
