"""The API process: the application, and the server that runs it. Start reading here."""

import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from importlib.metadata import version
from pathlib import Path

import structlog
import uvicorn
from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.plugins.prometheus import PrometheusConfig

from sciagents import addresses
from sciagents.api import operations, problems, requests, system
from sciagents.api.access import Tokens, is_loopback, read_tokens
from sciagents.api.board import Board
from sciagents.api.feed import Feed
from sciagents.api.gateway import Gateway
from sciagents.api.history import History
from sciagents.api.service import ApiSettings, Service
from sciagents.errors import UsageError
from streams import logs
from streams.topics import MESSAGE_LIMIT

_log = structlog.get_logger(__name__)

_GRACE_S = 1


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


def listen(address: str, tokens: Tokens) -> socket.socket:
    """Take the address; raises `UsageError`."""
    host, port = addresses.parse(address)
    if not tokens and not is_loopback(host):
        raise UsageError(
            f"without tokens the API listens on this machine alone, not on {host}", field="listen",
            hint="set SCI_AGENTS_TOKENS or SCI_AGENTS_TOKENS_FILE, or --listen 127.0.0.1:PORT",
        )  # fmt: skip
    return addresses.listen(host, port)


def make_app(settings: ApiSettings, tokens: Tokens) -> Litestar:
    """Wire the application; it follows the topics and reaches the broker for as long as it runs."""

    @contextlib.asynccontextmanager
    async def serve(app: Litestar) -> AsyncIterator[None]:
        history = History(settings.history_entries, settings.history_bytes)
        board = Board()
        feed = Feed(settings.kafka, settings.prefix, history, board, embedded=settings.embedded)
        gateway = Gateway(settings.kafka, settings.prefix)
        app.state.service = Service(settings, history, board, feed, gateway)
        feed.start()
        try:
            yield
        finally:
            feed.stop()
            gateway.close()

    async def service(state: State) -> Service:
        found: Service = state.service
        return found

    measured = PrometheusConfig(app_name="api", prefix="sci_agents_http", group_path=True, exclude_unhandled_paths=True)
    return Litestar(
        route_handlers=[*requests.ROUTES, *operations.ROUTES, *system.ROUTES],
        dependencies={"service": Provide(service)},
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
