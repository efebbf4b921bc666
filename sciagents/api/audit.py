"""The route of the audit: who did what, as the history has it."""

from typing import Annotated

import msgspec
from litestar import get
from litestar.params import Parameter

from sciagents.api.access import requires
from sciagents.api.bodies import Limit
from sciagents.api.problems import HttpProblem
from sciagents.api.service import Service
from streams import instants

Name = Annotated[str | None, Parameter(max_length=200)]


class Deed(msgspec.Struct, kw_only=True):
    """Who did what to which incident, or to the configuration, and when; `detail` is the command."""

    at: str
    who: str
    action: str
    subject: str
    detail: msgspec.Raw


class Audit(msgspec.Struct, kw_only=True):
    """Deeds, newest first."""

    audit: list[Deed]


@get("/v1/audit", guards=[requires("read")], summary="Who did what", tags=["incidents"])
async def list_audit(service: Service, subject: Name = None, who: Name = None, limit: Limit = 100) -> Audit:
    """List what was done to incidents and to alerting's configuration (`subject=configuration`), by whom and when."""
    if service.archive is None:
        raise HttpProblem(404, "not_found", "no history is kept", hint="history.enabled in config/agents.yaml")
    found = await service.archive.audit(limit, subject, who)
    return Audit(
        audit=[
            Deed(at=instants.to_text(one.at), who=one.who, action=one.action, subject=one.subject, detail=one.detail)
            for one in found
        ]
    )


ROUTES = (list_audit,)
