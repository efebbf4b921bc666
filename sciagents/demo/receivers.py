"""Where the demo's notifications arrive: a real SMTP server and an HTTP endpoint in Slack's place, on free ports."""

import asyncio
import contextlib
import email
import email.policy
from collections.abc import AsyncIterator, Iterator
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from sciagents.demo.seen import Seen
from sciagents.endpoint import taking


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
    with taking(messages.put) as port:
        yield port


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
