"""Mails at a real SMTP server: their words, their thread, and what its answers mean."""

import asyncio
import email
import email.policy
import ssl
import subprocess

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from msgspec.structs import replace
from unit.alerting.making import NOW, make_alert, make_incident

from alerting.messages import message_id
from alerting.notify.email import EmailNotifier, compose
from alerting.outbox import DELIVERED
from alerting.receivers import Email, Secret

TEMPLATE = """\
Status: INVESTIGATING
Started: 2025-10-01 14:30 UTC
Affected: Production environment
Impact: 15% increase in error rate

Actions Taken:
- None yet

Next Steps:
- Acknowledge: sci-agents incidents ack INC-2025-000042

Alerts:
- fires since 2025-10-01 14:30 UTC: too many (agent=ode)

Updates: Every 15 minutes or when status changes

--\x20
INC-2025-000042 | first_notification
"""


def channel(port=25, **fields):
    own = {"to": "ops-team@example.com", "sender": "Ops <sci-agents@example.com>", "smarthost": f"127.0.0.1:{port}"}
    return Email(**own | {"require_tls": False} | fields)


async def test_a_mail_arrives_in_the_words_of_the_template(message, mail_server):
    assert await EmailNotifier().send(message(channel(mail_server.port))) == DELIVERED
    (envelope,) = mail_server.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == ("sci-agents@example.com", ["ops-team@example.com"])
    mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert mail["Subject"] == "[P1] Scientific Computing Agents - High Error Rate"
    assert mail["From"] == "Ops <sci-agents@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime.timestamp() == NOW
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n") == TEMPLATE
    html = mail.get_body(("html",)).get_content()
    assert "<td>Production environment</td>" in html
    assert "INC-2025-000042" in html


def test_mails_of_an_incident_are_one_thread_each_with_its_own_id(message):
    made = [
        compose(message(channel(), id=message_id("INC-2025-000042", NOW + n, "team", "email")))[0] for n in (0, 300)
    ]
    assert {mail["References"] for mail in made} == {"<INC-2025-000042@example.com>"}
    assert {mail["In-Reply-To"] for mail in made} == {"<INC-2025-000042@example.com>"}
    assert made[0]["Message-ID"] != made[1]["Message-ID"]


def test_an_attempt_that_is_repeated_has_the_same_id(message):
    first, again = (compose(message(channel(), attempt=attempt))[0] for attempt in (1, 2))
    assert first["Message-ID"] == again["Message-ID"]


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param("x\r\nBcc: eve@example.com", id="a line break"),
        pytest.param("x\n\nbody", id="an empty line"),
        pytest.param("x\u2028Bcc: eve@example.com\x00", id="other separators"),
    ],
)
def test_nothing_that_an_event_says_becomes_a_header(message, hostile):
    alert = make_alert(name=hostile)
    alert.annotations["title"] = hostile
    mail = compose(message(channel(headers=(("X-Team", hostile),)), incident=make_incident(alert), receiver=hostile))[0]
    raw = bytes(mail).decode()
    head = raw.partition("\r\n\r\n")[0]
    assert not any(line.lower().startswith("bcc") for line in head.splitlines())
    assert email.message_from_string(raw)["Bcc"] is None


def test_html_shows_what_an_event_says_as_text(message):
    incident = replace(make_incident(), impact="<script>alert(1)</script>")
    html = compose(message(channel(), incident=incident))[0].get_body(("html",)).get_content()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("rcpt", "data", "status", "said"),
    [
        pytest.param("250 ok", "250 taken", "delivered", None, id="taken"),
        pytest.param("450 busy", "250 taken", "retry", "busy", id="4xx for the recipient: again"),
        pytest.param("550 unknown", "250 taken", "permanent", "unknown", id="5xx for the recipient: permanent"),
        pytest.param("250 ok", "451 later", "retry", "later", id="4xx for the mail: again"),
        pytest.param("250 ok", "554 spam", "permanent", "spam", id="5xx for the mail: permanent"),
    ],
)
async def test_what_the_server_answers(message, mail_server, rcpt, data, status, said):
    mail_server.rcpt["ops-team@example.com"] = rcpt
    mail_server.data = data
    outcome = await EmailNotifier().send(message(channel(mail_server.port)))
    assert outcome.status == status
    assert said is None or said in outcome.error


async def test_one_of_two_recipients_is_enough_and_the_other_is_named(message, mail_server):
    mail_server.rcpt["bob@example.com"] = "550 unknown"
    outcome = await EmailNotifier().send(message(channel(mail_server.port, to="ada@example.com, bob@example.com")))
    assert outcome.status == "delivered"
    assert "bob@example.com" in outcome.error
    assert mail_server.mails[0].rcpt_tos == ["ada@example.com"]


async def test_a_server_that_is_not_there_is_tried_again(message, unused_tcp_port):
    outcome = await EmailNotifier().send(message(channel(unused_tcp_port)))
    assert outcome.status == "retry"


async def test_without_tls_no_mail_is_sent_where_tls_is_required(message, mail_server):
    outcome = await EmailNotifier().send(message(channel(mail_server.port, require_tls=True)))
    assert outcome.status != "delivered"
    assert "STARTTLS" in outcome.error
    assert mail_server.mails == []


async def test_a_password_is_in_no_error(message, mail_server):
    sent = message(channel(mail_server.port, username="ada", password=Secret("hunter2")))
    outcome = await EmailNotifier().send(sent)
    assert outcome.status != "delivered"
    assert "hunter2" not in outcome.error
    assert "hunter2" not in repr(sent)


@pytest.mark.parametrize("to", ["nobody", "", "@"])
async def test_an_address_that_is_none_is_permanent(message, mail_server, to):
    assert (await EmailNotifier().send(message(channel(mail_server.port, to=to)))).status == "permanent"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of `localhost`, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run(
        [*command.split(), "-keyout", folder / "key", "-out", folder / "cert"], check=True, capture_output=True
    )
    return folder


@pytest.fixture
async def secure_server(certificate):
    """An SMTP server that takes mail after STARTTLS and AUTH alone: port, mails, and who logged in."""
    mails, logins = [], []

    class Handler:
        async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
            mails.append((session.ssl is not None, envelope))
            return "250 taken"

    def authenticate(server, session, envelope, mechanism, data):
        logins.append((session.ssl is not None, data.login, data.password))
        return AuthResult(success=(data.login, data.password) == (b"ada", b"hunter2"), handled=False)

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate / "cert", certificate / "key")
    loop = asyncio.get_running_loop()
    options = {"tls_context": context, "require_starttls": True, "auth_required": True, "authenticator": authenticate}
    server = await loop.create_server(
        lambda: SMTP(Handler(), hostname="localhost", loop=loop, **options), "127.0.0.1", 0
    )  # fmt: skip
    async with server:
        yield server.sockets[0].getsockname()[1], mails, logins


def logged_in(port, password="hunter2"):
    return channel(require_tls=True, smarthost=f"localhost:{port}", username="ada", password=Secret(password))


async def test_mail_goes_over_starttls_with_a_login(message, secure_server, certificate, monkeypatch):
    """The password crosses the wire encrypted alone, to a server whose certificate is known."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert"))
    port, mails, logins = secure_server
    assert await EmailNotifier().send(message(logged_in(port))) == DELIVERED
    assert [secure for secure, _ in mails] == [True]
    assert logins == [(True, b"ada", b"hunter2")]


async def test_a_login_that_is_refused_is_permanent_and_shows_no_password(
    message, secure_server, certificate, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert"))
    port, mails, _ = secure_server
    outcome = await EmailNotifier().send(message(logged_in(port, "wr0ng")))
    assert (outcome.status, mails) == ("permanent", [])
    assert "wr0ng" not in outcome.error


async def test_a_server_that_nobody_vouches_for_gets_neither_mail_nor_password(message, secure_server):
    port, mails, logins = secure_server
    outcome = await EmailNotifier().send(message(logged_in(port)))
    assert (outcome.status, mails, logins) == ("retry", [], [])
