"""Estimates of child safety, for the moderators whom the settings name; facts, never a picture."""

from typing import Annotated, Any

from aiohttp import web
from pydantic import Field

from backend.domain.child_safety import SafetyReport
from backend.domain.requests import Requester
from backend.gateway.answers import json_answer
from backend.gateway.app_keys import SERVICES
from backend.gateway.bodies import read_body
from backend.gateway.paths import report_id_of
from backend.gateway.shapes import Incoming, Text
from backend.service.safety_reports import REASON_MAX


class ReleaseIn(Incoming):
    """What was wrong with a finding."""

    reason: Annotated[Text, Field(min_length=1, max_length=REASON_MAX)]


async def list_estimates(request: web.Request, requester: Requester) -> web.Response:
    """List what stands and rests on an estimate, oldest first."""
    found = await request.app[SERVICES].moderation.safety.estimates(requester)
    return json_answer({"object": "list", "data": [_facts(one) for one in found]})


async def release(request: web.Request, requester: Requester) -> web.Response:
    """Note that an estimate was wrong; its account is let in, if no other finding stands."""
    body = await read_body(request, ReleaseIn)
    safety, report_id = request.app[SERVICES].moderation.safety, report_id_of(request)
    report = await safety.release_estimate(report_id, requester, reason=body.reason)
    return json_answer(_facts(report))


def _facts(report: SafetyReport) -> dict[str, Any]:
    """Return what a reviewer works on: neither keys of evidence nor a listed picture's entry."""
    return {
        "object": "safety_report",
        "id": report.id,
        "account": report.account_id,
        "found_at": report.found_at.isoformat(),
        "basis": report.basis,
        "rule": report.rule,
        "score": report.score,
        "state": report.state,
        "is_released": report.is_released,
    }
