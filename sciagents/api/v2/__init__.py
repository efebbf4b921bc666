"""Alertmanager's API, version 2 (`/api/v2/`), on the alerting engine: what Prometheus sends to and amtool asks.

Comes in: HTTP as Alertmanager's OpenAPI description has it; errors are JSON texts, as there. Goes out: what the engine
knows, and calls of `alerting.stream.Stream`. `shapes` has the JSON, `alerts`, `silences`, `status` the routes.
"""

from sciagents.api.v2 import alerts, silences, status

ROUTES = (*alerts.ROUTES, *silences.ROUTES, *status.ROUTES)
