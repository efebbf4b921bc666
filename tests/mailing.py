"""A mail server of a test's own (aiosmtpd), on a free port of this machine: takes mails, or answers as it is told."""

import asyncio
import contextlib
import email
import email.policy
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

HANG, DISCONNECT = "hang", "disconnect"
"""Instead of an answer: nothing, or the end of the connection."""


@dataclass
class Mail:
    """What came, and how."""

    sender: str
    to: list[str]
    message: EmailMessage
    raw: bytes
    tls: bool
    user: str | None


@dataclass
class MailServer:
    """`say(stage, detail)` may answer instead: at `MAIL` and `RCPT` with the address, at `DATA` with the subject."""

    port: int = 0
    mails: list[Mail] = field(default_factory=list)
    say: Callable[[str, str], str | None] = lambda _stage, _detail: None


@contextlib.contextmanager
def mailing(
    *, tls: ssl.SSLContext | None = None, implicit: bool = False, password: str | None = None,
    taken: Callable[[Mail], object] = lambda _: None, host: str = "127.0.0.1",
) -> Iterator[MailServer]:  # fmt: skip
    """Take mails until the end of the block; with `tls` there is STARTTLS, or TLS at once, with a password AUTH."""
    state = MailServer()

    async def told(server, stage, detail):
        answer = state.say(stage, detail)
        if answer == HANG:
            await asyncio.sleep(3600)
        if answer == DISCONNECT:
            server.transport.abort()
            return "421 gone"
        return answer

    class Handler:
        async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
            if answer := await told(server, "MAIL", address):
                return answer
            envelope.mail_from = address
            return "250 ok"

        async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - as above
            if answer := await told(server, "RCPT", address):
                return answer
            envelope.rcpt_tos.append(address)
            return "250 ok"

        async def handle_DATA(self, server, session, envelope):  # noqa: N802 - as above
            message = email.message_from_bytes(envelope.content, policy=email.policy.default)
            if answer := await told(server, "DATA", message["Subject"]):
                return answer
            user = session.auth_data.login.decode() if session.auth_data else None
            mail = Mail(
                envelope.mail_from,
                envelope.rcpt_tos,
                message,
                envelope.content,
                implicit or session.ssl is not None,
                user,
            )
            state.mails.append(mail)
            await asyncio.to_thread(taken, mail)  # which may wait: others are taken meanwhile
            return "250 taken"

    def authenticate(server, session, envelope, mechanism, data):
        good = isinstance(data, LoginPassword) and data.password.decode() == password
        return AuthResult(success=good, handled=False, auth_data=data)

    loop = asyncio.new_event_loop()

    def make():
        return SMTP(
            Handler(), hostname="localhost", loop=loop, tls_context=None if implicit else tls,
            require_starttls=tls is not None and not implicit, auth_required=password is not None,
            auth_require_tls=tls is not None and not implicit,
            authenticator=None if password is None else authenticate,
        )  # fmt: skip

    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def serve():
        return await loop.create_server(make, host, 0, ssl=tls if implicit else None)

    async def end():
        server.close()
        others = asyncio.all_tasks(loop) - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    server = asyncio.run_coroutine_threadsafe(serve(), loop).result()
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
