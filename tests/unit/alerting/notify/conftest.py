"""Real receivers on free ports: an HTTP server that answers as it is told, and an SMTP server."""

import asyncio
import threading
from dataclasses import dataclass, field

import msgspec
import pytest
from aiosmtpd.smtp import SMTP
from listening import listening

from alerting.notify.http import Clients


@dataclass
class Endpoint:
    """What came, and what is answered: `answers` one after the other, then 200 ok."""

    url: str = ""
    got: list[dict] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    silent: threading.Event | None = None


@pytest.fixture
def endpoint():
    """An HTTP server."""
    state = Endpoint()

    def answer(path, headers, body):
        state.got.append(msgspec.json.decode(body))
        state.bodies.append(body)
        state.paths.append(path)
        state.headers.append(headers)
        if state.silent is not None:
            state.silent.wait(30)
        return state.answers.pop(0) if state.answers else (200, {}, b"ok")

    with listening(answer) as url:
        state.url = f"{url}/services/T0/SECRET"
        yield state
        if state.silent is not None:
            state.silent.set()


@pytest.fixture
async def client():
    """HTTP clients."""
    made = Clients()
    yield made
    await made.aclose()


@dataclass
class MailServer:
    """What came, and what is answered at each stage."""

    port: int = 0
    mails: list = field(default_factory=list)
    rcpt: dict[str, str] = field(default_factory=dict)
    data: str = "250 taken"


@pytest.fixture
async def mail_server():
    """An SMTP server."""
    state = MailServer()

    class Handler:
        async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
            answer = state.rcpt.get(address, "250 ok")
            if answer.startswith("250"):
                envelope.rcpt_tos.append(address)
            return answer

        async def handle_DATA(self, server, session, envelope):  # noqa: N802 - as above
            if state.data.startswith("250"):
                state.mails.append(envelope)
            return state.data

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Handler(), hostname="localhost", loop=loop), "127.0.0.1", 0)
    state.port = server.sockets[0].getsockname()[1]
    async with server:
        yield state
