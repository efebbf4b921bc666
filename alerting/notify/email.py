"""Email: text and HTML, one thread an incident; STARTTLS, TLS on port 465, AUTH.

Every mail of an incident refers to one root that is never sent, so mail programs show them as one thread whoever gets
which; `Message-ID` is the message's own and the same at each attempt (RFC 5322, 3.6.4; RFC 3834 for `Auto-Submitted`).
"""

import asyncio
import contextlib
import re
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import getaddresses, parseaddr
from typing import cast

import aiosmtplib

from alerting import text, tls
from alerting.messages import Message
from alerting.notify.patience import within
from alerting.outbox import DELIVERED, Outcome
from alerting.receivers import Email
from alerting.text import one_line

_GOODBYE_S = 1.0


class EmailNotifier:
    """Sends mails through a smarthost."""

    async def send(self, message: Message) -> Outcome:
        """Send one mail: 4xx and silence are tried again, 5xx is permanent."""
        channel = cast("Email", message.integration)
        host, _, port = channel.smarthost.rpartition(":")
        client = aiosmtplib.SMTP(
            hostname=host.strip("[]"),
            port=int(port),
            local_hostname=channel.hello,
            username=channel.username,
            password=channel.password.reveal() if channel.password else None,
            use_tls=channel.implicit_tls,
            start_tls=channel.require_tls and not channel.implicit_tls,
            tls_context=None if channel.tls is None else tls.context(channel.tls),
            timeout=None,
        )
        try:
            async with within(channel.timeout):  # of the whole, however slowly the answers drip
                mail = compose(message)
                await client.connect()
                refused, _ = await client.send_message(
                    mail, sender=parseaddr(channel.sender)[1], recipients=recipients(channel.to)
                )
        except aiosmtplib.SMTPException as error:
            return _outcome(error, channel)
        except TimeoutError:
            return Outcome("retry", f"{channel.smarthost}: no answer within {channel.timeout:g} s")
        except OSError as error:
            said = getattr(error, "verify_message", None) or type(error).__name__  # a certificate's, or none
            return Outcome("retry", f"cannot reach {channel.smarthost}: {said}")
        except (ValueError, IndexError, MessageError) as error:  # as the library refuses an address
            return Outcome("permanent", f"the mail cannot be written: {one_line(str(error), 200)}")
        finally:
            await _leave(client)
        if refused:
            return Outcome("delivered", f"not taken for {', '.join(refused)}")
        return DELIVERED


async def _leave(client: aiosmtplib.SMTP) -> None:
    """Say goodbye, briefly: what the server has taken is delivered, whatever it answers now."""
    with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
        if client.is_connected:
            async with asyncio.timeout(_GOODBYE_S):
                await client.quit()
    client.close()


def recipients(to: str) -> list[str]:
    """The addresses in a header; raises `ValueError` when there are none."""
    found = [address for _, address in getaddresses([to]) if "@" in address]
    if not found:
        raise ValueError(f"{to!r} holds no address")
    return found


def compose(message: Message) -> EmailMessage:
    """Write the mail; raises `ValueError` for an address or a header that cannot be one."""
    channel = cast("Email", message.integration)
    domain = parseaddr(channel.sender)[1].rpartition("@")[2] or "localhost"
    root = f"<{_word(message.incident.id)}@{domain}>"
    mail = EmailMessage(policy=SMTP)
    mail["From"] = _address(channel.sender)
    mail["To"] = [_address(name, address) for name, address in getaddresses([channel.to])]
    mail["Subject"] = text.subject(message.incident)
    mail["Date"] = datetime.fromtimestamp(message.at, UTC)
    mail["Message-ID"] = f"<{_word(message.id)}@{domain}>"
    mail["In-Reply-To"] = root
    mail["References"] = root
    mail["Auto-Submitted"] = "auto-generated"
    for name, value in channel.headers:
        mail[name] = one_line(value)
    mail.set_content(text.plain(message))
    mail.add_alternative(text.html(message), subtype="html")
    return mail


def _address(name: str, address: str | None = None) -> Address:
    if address is None:
        name, address = parseaddr(name)
    return Address(one_line(name), addr_spec=address)


def _word(name: str) -> str:
    """Make a name fit for the left side of a `Message-ID`."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip(".-")


def _outcome(error: aiosmtplib.SMTPException, channel: Email) -> Outcome:
    said = one_line(str(error), 300)
    if channel.password is not None:
        said = said.replace(channel.password.reveal(), "***")
    said = f"{channel.smarthost}: {said}"
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        permanent = all(one.code >= 500 for one in error.recipients)
    elif isinstance(error, aiosmtplib.SMTPResponseException):
        permanent = error.code >= 500
    else:
        permanent = isinstance(error, aiosmtplib.SMTPNotSupported)
    return Outcome("permanent" if permanent else "retry", said)
