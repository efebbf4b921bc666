"""The route of Slack's buttons: signed by Slack, so it needs no token."""

import time
from typing import Any

from litestar import Request, post
from litestar.datastructures import State

from alerting import interactions
from sciagents.api.desk import Desk
from sciagents.api.forward import Forward
from sciagents.api.incidents import Casebook
from sciagents.api.problems import HttpProblem


@post(
    "/v1/slack/actions", status_code=200, summary="Take what is pressed in Slack", tags=["incidents"],
    request_max_body_size=interactions.BODY_LIMIT,
)  # fmt: skip
async def slack_actions(request: Request[Any, Any, Any], desk: Desk, casebook: Casebook) -> None:
    """Acknowledge or resolve the incident whose button was pressed; answers once the broker has the command."""
    secret = desk.engine.config.slack_signing_secret
    if secret is None:
        raise HttpProblem(
            503, "unavailable", "there is no signing secret of Slack", hint="global.slack_signing_secret_file"
        )
    body, now = await request.body(), time.time()
    timestamp = request.headers.get("x-slack-request-timestamp", "")
    if not interactions.signed(secret, timestamp, body, request.headers.get("x-slack-signature", ""), now):
        raise HttpProblem(401, "unauthorized", "the request is not signed by Slack, or it is old")
    try:
        commands = interactions.read(body, now)
    except ValueError as error:
        raise HttpProblem(400, "invalid_message", str(error)[:300]) from None
    for command in commands:
        if await casebook.find(command.incident) is None:
            raise HttpProblem(404, "not_found", f"there is no incident {command.incident!r}", field="value")
        await casebook.send(command)


@post(
    "/v1/slack/actions", status_code=200, summary="Take what is pressed in Slack", tags=["incidents"],
    request_max_body_size=interactions.BODY_LIMIT,
)  # fmt: skip
async def passed_on(request: Request[Any, Any, Any], state: State) -> Any:
    """Pass on what Slack has signed: the alerting process knows the secret."""
    found: Forward = state.forward
    return await found.ask(request)


ROUTES = (slack_actions,)
PASSED_ON = (passed_on,)
