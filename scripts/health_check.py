"""The health check of the runbook; exit 0 healthy, 1 unhealthy, 2 degraded. As `sci-agents health`."""

import sys

from sciagents.cli import app

app(["health", *sys.argv[1:]], prog_name="health_check.py")
