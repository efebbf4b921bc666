"""Where the demo's notifications arrive: a real SMTP server and an HTTP endpoint in Slack's place, on free ports."""

import asyncio
import contextlib
import email
import email.policy
import json
import threading
from collections.abc import AsyncIterator, Iterator
from email.message import EmailMessage
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from sciagents.demo.seen import Seen

_BODY_LIMIT = 1_000_000


@contextlib.asynccontextmanager
async def mail_server(mails: Seen[EmailMessage]) -> AsyncIterator[int]:
    """Take mail on a free port of this machine; gives the port."""

    class Handler:
        async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802 - aiosmtpd's name
            mails.put(email.message_from_bytes(envelope.original_content or b"", policy=email.policy.default))
            return "250 taken"

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Handler(), hostname="localhost", loop=loop), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@contextlib.contextmanager
def slack_endpoint(messages: Seen[dict[str, Any]]) -> Iterator[int]:
    """Take what an incoming webhook of Slack takes, on a free port of this machine; gives the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            try:
                message = json.loads(self.rfile.read(min(length, _BODY_LIMIT)))
            except ValueError:
                self._answer(HTTPStatus.BAD_REQUEST, b"invalid_payload")
                return
            messages.put(message)
            self._answer(HTTPStatus.OK, b"ok")

        def _answer(self, status: HTTPStatus, text: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5.0)


def slack_text(message: dict[str, Any]) -> str:
    """The words of a Slack message, as a reader sees them."""
    texts = [str(message.get("text") or "")]
    for attachment in [message, *message.get("attachments", [])]:
        for block in attachment.get("blocks", []):
            parts = [block.get("text"), *block.get("fields", []), *block.get("elements", [])]
            texts += [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return "\n".join(dict.fromkeys(text for text in texts if text))


def mail_text(mail: EmailMessage) -> str:
    """Subject, addresses and text of a mail."""
    body = mail.get_body(("plain",))
    head = "\n".join(f"{name}: {mail[name]}" for name in ("From", "To", "Subject") if mail[name])
    return f"{head}\n\n{body.get_content().strip() if body else ''}"
