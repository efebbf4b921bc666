"""`/api/v2/status` and `/api/v2/receivers`."""

import platform
from importlib.metadata import version
from typing import Any

from litestar import get

from sciagents.api.access import requires
from sciagents.api.desk import Desk
from sciagents.api.v2.shapes import moment


@get("/api/v2/status", guards=[requires("read")], summary="Status and configuration", tags=["alertmanager"])
async def get_status(desk: Desk) -> dict[str, Any]:
    """Tell the version, and the configuration without secrets, in the sections that Alertmanager knows."""
    return {
        "cluster": {"name": "", "peers": [], "status": "disabled"},
        "config": {"original": desk.engine.config.original},
        "uptime": moment(desk.started_at),
        "versionInfo": {
            "branch": "", "buildDate": "", "buildUser": "", "goVersion": f"python {platform.python_version()}",
            "revision": "", "version": version("sci-agents"),
        },
    }  # fmt: skip


@get("/api/v2/receivers", guards=[requires("read")], summary="List receivers", tags=["alertmanager"])
async def get_receivers(desk: Desk) -> list[dict[str, str]]:
    """List the receivers, people among them."""
    return [{"name": name} for name in desk.engine.config.receivers]


ROUTES = (get_status, get_receivers)
