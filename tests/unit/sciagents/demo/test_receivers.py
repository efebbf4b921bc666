"""The demo's mail server and Slack endpoint, spoken to over SMTP and HTTP."""

from email.message import EmailMessage

import aiosmtplib
import httpx

from sciagents.demo.receivers import mail_server, mail_text, slack_endpoint, slack_text
from sciagents.demo.seen import Seen


async def test_a_mail_arrives_as_it_was_sent():
    """Subject, addresses and text, umlauts and all."""
    mails = Seen()
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "sci-agents@example.com", "ada@example.com", "Größe – P2"
    message.set_content("Status: schön\n")
    async with mail_server(mails) as port:
        await aiosmtplib.send(message, hostname="127.0.0.1", port=port)
        mail = await mails.first("the mail", lambda _: True, 10.0)
    assert mail_text(mail) == (
        "From: sci-agents@example.com\nTo: ada@example.com\nSubject: Größe – P2\n\nStatus: schön"
    )


async def test_a_slack_message_arrives_and_nonsense_is_refused():
    """Answered as Slack answers."""
    messages = Seen()
    with slack_endpoint(messages) as port:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            refused = await client.post("/", content=b"hello")
            taken = await client.post("/", json={"text": "P2"})
        assert await messages.first("the message", lambda _: True, 10.0) == {"text": "P2"}
    assert (refused.status_code, refused.text) == (400, "invalid_payload")
    assert (taken.status_code, taken.text) == (200, "ok")


def test_the_words_of_a_slack_message_are_read_from_its_blocks():
    """Each once, in their order; attachments too."""
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "*Status:* RESOLVED"}}
    fields = {"type": "section", "fields": [{"type": "mrkdwn", "text": "a"}, {"type": "mrkdwn", "text": "b"}]}
    message = {
        "text": "title",
        "blocks": [section, fields],
        "attachments": [{"blocks": [section, {"type": "divider"}]}],
    }
    assert slack_text(message) == "title\n*Status:* RESOLVED\na\nb"
