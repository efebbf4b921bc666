"""The route of the catalogue."""

from typing import Any

from litestar import get

from agents import catalogue
from sciagents.api.access import requires


@get("/v1/agents", guards=[requires("read")], summary="The catalogue", tags=["agents"])
async def list_agents() -> list[dict[str, Any]]:
    """Describe each task: summary, methods, JSON Schemas of inputs and options, an example."""
    return catalogue.describe()


ROUTES = (list_agents,)
