"""The HTTP of the alerting process: Alertmanager's API, events, silences, rules, incidents; in the Faust app's loop."""

import contextlib
import socket
from collections.abc import Iterator
from importlib.metadata import version

import uvicorn
from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig

from sciagents.api import events, incidents, lifecycle, page, problems, rules, silences, slack, v2
from sciagents.api.board import Live
from sciagents.api.desk import Desk
from sciagents.api.gateway import Gateway
from sciagents.api.incidents import Casebook
from sciagents.api.metrics import metrics
from sciagents.api.scribe import Scribe
from sciagents.api.tokens import Tokens
from sciagents.api.v2.answers import RefusedError, refused
from streams.topics import MESSAGE_LIMIT

_GRACE_S = 1
_MAX_CONNECTIONS = 1_000


def make_app(desk: Desk, gateway: Gateway, tokens: Tokens) -> Litestar:
    """Wire the application around a running stream."""
    scribe = Scribe(gateway.bootstrap, gateway.prefix, desk.earlier)
    found = Casebook(Live(desk.engine.register), gateway, scribe)

    async def at_desk() -> Desk:
        return desk

    async def through() -> Gateway:
        return gateway

    async def casebook() -> Casebook:
        return found

    return Litestar(
        route_handlers=[
            *v2.ROUTES, *silences.ROUTES, *rules.ROUTES, *incidents.ROUTES, *lifecycle.ROUTES, *slack.ROUTES,
            *events.ROUTES, *page.ROUTES, metrics,
        ],
        dependencies={"desk": Provide(at_desk), "casebook": Provide(casebook), "gateway": Provide(through)},
        exception_handlers={RefusedError: refused, **problems.HANDLERS},
        state=State({"tokens": tokens}),
        request_max_body_size=MESSAGE_LIMIT,
        openapi_config=OpenAPIConfig(
            title="Scientific Computing Agents: alerting", version=version("sci-agents"), use_handler_docstrings=True,
            path="/schema", render_plugins=[],
        ),
        logging_config=None,
    )  # fmt: skip


class Server(uvicorn.Server):
    """Serves in a loop that is another's, who also hears the signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    def end(self) -> None:
        """Stop: what is being answered is finished, for a moment."""
        self.should_exit = True


def server(app: Litestar) -> Server:
    """Make a server; run it by `serve(sockets=[...])`."""
    return Server(
        uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="on", server_header=False, timeout_keep_alive=30,
            limit_concurrency=_MAX_CONNECTIONS, timeout_graceful_shutdown=_GRACE_S,
        )
    )  # fmt: skip


async def serve(made: Server, listener: socket.socket) -> None:
    """Serve on a socket until `end`."""
    await made.serve(sockets=[listener])
