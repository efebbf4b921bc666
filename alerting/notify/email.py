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
from alerting.go.scan import GoError
from alerting.messages import Message
from alerting.notify import words
from alerting.notify.patience import within
from alerting.outbox import DELIVERED, Outcome
from alerting.receivers import Email
from alerting.text import one_line

_GOODBYE_S = 1.0
_SUBJECT_LIMIT = 500


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
                mail, unsaid = compose(message)
                await client.connect()
                refused, _ = await client.send_message(
                    mail, sender=parseaddr(str(mail["From"]))[1], recipients=recipients(str(mail["To"]))
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
        return DELIVERED if unsaid is None else Outcome("delivered", unsaid)


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


def compose(message: Message) -> tuple[EmailMessage, str | None]:
    """Write the mail, in the channel's own words where it has some; what cannot be filled in is said besides.

    Raises `ValueError` for an address or a header that cannot be one.
    """
    channel = cast("Email", message.integration)
    try:
        said, headers = _own(message)
        unsaid = None
    except GoError as error:
        said, headers = {}, [(name, value) for name, value in channel.headers if isinstance(value, str)]
        why = one_line(str(error), 300)
        unsaid = f"in the words of the runbook, since its own cannot be filled in: {why}"
    sender = said.get("from", channel.sender)
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    root = f"<{_word(message.incident.id)}@{domain}>"
    mail = EmailMessage(policy=SMTP)
    mail["From"] = _address(sender)
    mail["To"] = [_address(name, address) for name, address in getaddresses([one_line(said.get("to", channel.to))])]
    mail["Subject"] = one_line(said.get("subject", ""), _SUBJECT_LIMIT) or text.subject(message.incident)
    mail["Date"] = datetime.fromtimestamp(message.at, UTC)
    mail["Message-ID"] = f"<{_word(message.id)}@{domain}>"
    mail["In-Reply-To"] = root
    mail["References"] = root
    mail["Auto-Submitted"] = "auto-generated"
    for name, value in headers:
        mail[name] = one_line(value)
    mail.set_content(said.get("text") or text.plain(message))
    mail.add_alternative(said.get("html") or text.html(message), subtype="html")
    return mail, unsaid


def _own(message: Message) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """The channel's own words, and its headers; raises `GoError`."""
    channel = cast("Email", message.integration)
    if channel.words is None and all(isinstance(value, str) for _, value in channel.headers):
        return {}, list(channel.headers)
    data = words.data_of(message)
    said = {part: text.render(data, message.at, html=part == "html") for part, text in (channel.words or {}).items()}
    return said, [(name, words.filled(value, data, message.at)) for name, value in channel.headers]


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
