"""The API process: the application, and the server that runs it. Start reading here."""

import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping
from importlib.metadata import version
from pathlib import Path

import uvicorn
from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.plugins.prometheus import PrometheusConfig

from sciagents import addresses
from sciagents.api import audit, events, forward, incidents, operations, page, problems, requests, slack, system
from sciagents.api.archive import Archive
from sciagents.api.board import Board
from sciagents.api.feed import Feed
from sciagents.api.forward import Forward
from sciagents.api.gateway import Gateway
from sciagents.api.history import History
from sciagents.api.incidents import Casebook
from sciagents.api.scribe import Scribe
from sciagents.api.service import ApiSettings, Service
from sciagents.api.tokens import Tokens, listen, read_tokens
from streams import logs
from streams.topics import MESSAGE_LIMIT

_GRACE_S = 1
_INCIDENT_ARRIVES_WITHIN_S = 2.0


def run(settings: ApiSettings, environ: Mapping[str, str] = os.environ) -> None:
    """Serve until SIGTERM or SIGINT; prints the address once it listens.

    Raises:
        UsageError: the tokens cannot be read; there are none and the address is not of this machine alone; or the
            address is taken.

    """
    log_file = Path(settings.log_file) if settings.log_file else None
    logs.configure(settings.log_level, log_file, settings.log_format)
    tokens = read_tokens(environ)
    listener = listen(settings.listen, tokens)
    config = uvicorn.Config(
        make_app(settings, tokens), log_config=None, access_log=False, lifespan="on", server_header=False,
        limit_concurrency=settings.max_connections, timeout_graceful_shutdown=_GRACE_S, timeout_keep_alive=30,
    )  # fmt: skip
    print(f"http://{addresses.name(listener)}", flush=True)  # noqa: T201 - its output
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # uvicorn raises the signal again once it has stopped
    with listener:
        uvicorn.Server(config).run(sockets=[listener])


def make_app(settings: ApiSettings, tokens: Tokens) -> Litestar:
    """Wire the application; it follows the topics and reaches the broker for as long as it runs."""

    @contextlib.asynccontextmanager
    async def serve(app: Litestar) -> AsyncIterator[None]:
        history = History(settings.history_entries, settings.history_bytes)
        board = Board()
        feed = Feed(settings.kafka, settings.prefix, history, board, embedded=settings.embedded)
        gateway = Gateway(settings.kafka, settings.prefix)
        archive = Archive(settings.history, settings.kafka, settings.prefix) if settings.history else None
        app.state.service = Service(settings, history, board, feed, gateway, archive)
        app.state.forward = Forward(settings.alerting)
        app.state.scribe = Scribe(settings.kafka, settings.prefix)
        feed.start()
        if archive is not None:
            archive.start()
        try:
            yield
        finally:
            if archive is not None:
                await archive.close()
            await app.state.forward.close()
            feed.stop()
            gateway.close()

    async def service(state: State) -> Service:
        found: Service = state.service
        return found

    async def gateway(state: State) -> Gateway:
        found: Gateway = state.service.gateway
        return found

    async def casebook(state: State) -> Casebook:
        return Casebook(state.service.board, state.service.gateway, state.scribe, _INCIDENT_ARRIVES_WITHIN_S)

    measured = PrometheusConfig(app_name="api", prefix="sci_agents_http", group_path=True, exclude_unhandled_paths=True)
    return Litestar(
        route_handlers=[
            *requests.ROUTES, *operations.ROUTES, *events.ROUTES, *incidents.ROUTES, *audit.ROUTES, *forward.ROUTES,
            *slack.PASSED_ON, *system.ROUTES, *page.ROUTES,
        ],
        dependencies={
            "service": Provide(service), "gateway": Provide(gateway), "casebook": Provide(casebook),
        },
        exception_handlers=problems.HANDLERS,
        lifespan=[serve],
        state=State({"tokens": tokens}),
        request_max_body_size=MESSAGE_LIMIT,
        middleware=[measured.middleware],
        openapi_config=OpenAPIConfig(
            title="Scientific Computing Agents", version=version("sci-agents"), use_handler_docstrings=True,
            description="Compute requests in, results out; incidents and what is done about them.",
            path="/schema", render_plugins=[],
        ),
        logging_config=None,
    )  # fmt: skip
