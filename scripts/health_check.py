"""The health check of the runbook; exit 0 healthy, 1 unhealthy, 2 degraded. As `sci-agents health`."""

import sys

from sciagents.cli import main

sys.argv.insert(1, "health")
main()
