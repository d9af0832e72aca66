"""The HTTP API of escalation."""

from __future__ import annotations

import msgspec
from fastapi import FastAPI, HTTPException

from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.escalation.records import TakenStep
from aggregator.services.monitoring.escalation_service import EscalationService, SiteEscalation
from aggregator.web.api.dependencies import IdPath, NamePath, Tags, Who, errors
from aggregator.web.api_models.monitoring import escalation as models
from protocol.identifiers import to_rfc3339

_TAGS: Tags = ["escalation"]


def add(app: FastAPI, escalation: EscalationService) -> None:
    """Add the routes."""

    def shown(it: SiteEscalation) -> models.SiteEscalationResponse:
        now_ns = escalation.clock.wall_ns()
        return models.SiteEscalationResponse(
            site=it.site,
            site_name=escalation.places.sites.name(it.site),
            version=it.version,
            source=it.source,
            problem=it.problem,
            time_zone=escalation.zone(it.site).key,
            escalation=models.EscalationModel.model_validate(msgspec.to_builtins(it.config), strict=False),
            at=to_rfc3339(now_ns),
            on_call=[models.OnCallResponse(rota=one.rota, user=one.user) for one in escalation.on_call(it, now_ns)],
        )

    @app.get("/api/escalation", tags=_TAGS)
    def list_escalations(caller: Who) -> models.EscalationsResponse:
        """The escalation of each of the caller's sites, and who is on call now."""
        return models.EscalationsResponse(sites=[shown(it) for it in escalation.seen_by(caller)])

    @app.get("/api/escalation/{site}", tags=_TAGS)
    def show_escalation(site: NamePath, caller: Who) -> models.SiteEscalationResponse:
        """The escalation of a site, and who is on call now."""
        found = escalation.of_site(caller, site)
        if found is None:
            raise HTTPException(404, "there is no such site")
        return shown(found)

    @app.put("/api/escalation/{site}", tags=_TAGS)
    async def save_escalation(
        site: NamePath, caller: Who, wanted: models.EscalationRequest
    ) -> models.EscalationSavedResponse:
        """Save the escalation of a site. A loop, or an hour with nobody on call, is refused."""
        document = wanted.escalation.model_dump(mode="json")
        warnings = await escalation.save(caller, site, document, wanted.version)
        return models.EscalationSavedResponse(version=wanted.version + 1, warnings=warnings)

    @app.get("/api/alerts/{alert_id}/steps", tags=_TAGS, responses=errors(404))
    def list_steps(alert_id: IdPath, caller: Who) -> models.StepsResponse:
        """The steps that the escalation of an alert has taken."""
        _may_see(escalation, caller, alert_id)
        return models.StepsResponse(steps=[_step(it) for it in escalation.reader.taken_steps(alert_id)])


def _may_see(escalation: EscalationService, caller: Principal, alert_id: str) -> None:
    alert = escalation.reader.alert_facts(alert_id)
    if alert is None or not caller.may("alerts.see", alert.site, alert.place):
        raise HTTPException(404, "there is no such alert")


def _step(it: TakenStep) -> models.StepResponse:
    detail = msgspec.json.decode(it.detail)
    return models.StepResponse(
        step=it.step,
        level=it.level,
        due=to_rfc3339(it.due_ns),
        time=to_rfc3339(it.time_ns),
        users=detail.get("users", []),
        targets=detail.get("targets", 0),
        problem=detail.get("problem", ""),
    )
