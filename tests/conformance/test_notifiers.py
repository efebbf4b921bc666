"""What leaves for people and what answers mean, row by row, at real servers that hold every message to its limits."""

import email.utils
import time
from pathlib import Path
from urllib.parse import parse_qsl

import certificates
import documented
import msgspec
import pytest
import yaml
from listening import Broken, listening
from mailing import mailing
from msgspec.structs import replace
from unit.alerting.making import NOW, make_alert, make_incident

from alerting import config as configuration
from alerting import documents
from alerting.messages import Message, message_id
from alerting.notify import notifiers
from alerting.notify.http import Clients
from streams.contracts import Transition

ROWS = yaml.safe_load((Path(__file__).parent / "notifiers.yaml").read_text())
PATHS = {
    "slack": "/services/T0/SECRET",
    "bot": "/api/chat.postMessage",
    "pagerduty": "/v2/enqueue",
    "webhook": "/SECRET",
}


def expanded(value):
    """Write what is repeated out."""
    match value:
        case dict() if len(value) == 1 and isinstance(count := next(iter(value.values())), int) and count > 3:
            return next(iter(value)) * count
        case dict():
            return {key: expanded(one) for key, one in value.items()}
        case list():
            return [expanded(one) for one in value]
    return value


def incident_of(row):
    said = expanded({"title": "High Error Rate"} | {k: v for k, v in row.get("incident", {}).items() if k != "alerts"})
    annotations = said.pop("annotations", {})
    alerts = [make_alert(instance=f"host-{n}") for n in range(row.get("incident", {}).get("alerts", 1))]
    made = make_incident(*alerts)
    states = [replace(one, annotations=one.annotations | annotations) for one in made.alerts]
    notes = [Transition(at=made.started_at, what="note", by="ada", reason=note) for note in said.pop("notes", [])]
    return replace(made, alerts=states, timeline=[*made.timeline, *notes], **said)


def message_of(row, kind, section, folder):
    """Read the channel as from a file in `folder`, and write a message for it."""
    text = msgspec.json.encode(
        {
            "route": {"receiver": "team"},
            "receivers": [{"name": "team", f"{kind}_configs": [{k: v for k, v in section.items() if v is not None}]}],
        }
    ).decode()
    found = configuration.read(documents.parse(text, str(folder / "alerting.yaml")), {})
    ((channel, integration),) = found.receivers["team"].channels
    incident = incident_of(row)
    fields = {
        "id": message_id(incident.id, NOW, "team", channel), "at": NOW, "receiver": "team", "channel": channel,
        "integration": integration, "incident": incident, "alerts": tuple(incident.alerts), "update_every": 900.0,
        "reason": "first_notification",
    }  # fmt: skip
    return Message(**fields | row.get("message", {}))


async def sent(message):
    clients = Clients()
    try:
        return await notifiers(clients)[message.integration.kind].send(message)
    finally:
        await clients.aclose()


def judge(row, outcome):
    assert outcome.status == row.get("outcome", "delivered"), outcome
    if "after" in row:
        least, most = row["after"]
        assert least <= outcome.after <= most
    if "error" in row:
        assert outcome.error == row["error"]
    error = outcome.error or ""
    assert row.get("error_has", "") in error
    assert row.get("error_lacks", "\0") not in error
    assert len(error) <= row.get("error_length", 500)
    assert "SECRET" not in error


def look(root, path):
    head, _, rest = path.partition(".")
    if head == "headers":
        return root["headers"].get(rest)
    for step in path.split("."):
        if root is not None:
            root = root[int(step)] if isinstance(root, list) else root.get(step)
    return root


def compare(found, want, where):
    if not isinstance(want, dict) or not want.keys() <= {"length", "count", "begins", "ends", "has", "lacks"}:
        assert found == want, where
        return
    assert found is not None, where
    assert len(found) == want.get("length", want.get("count", len(found))), where
    if isinstance(found, str):
        assert found.startswith(want.get("begins", "")), where
        assert found.endswith(want.get("ends", "")), where
        assert want.get("has", "") in found, where
        assert want.get("lacks", "\0") not in found, where


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return certificates.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def folder(tmp_path, certificate):
    (tmp_path / "secret").write_text("from-a-file\n")
    (tmp_path / "server.pem").write_bytes(certificate.file.read_bytes())
    return tmp_path


def answer_of(spec, url, path):
    if isinstance(spec, str):
        return Broken(spec)
    headers = dict(spec.get("headers", {}))
    if "date_in" in spec:
        headers["retry-after"] = email.utils.formatdate(time.time() + spec["date_in"], usegmt=True)
    if "location" in spec:
        headers["location"] = spec["location"]
    if "elsewhere" in spec:
        headers["location"] = url.replace("127.0.0.1", "localhost") + spec["elsewhere"]
    body = bytes.fromhex(spec["hex"]) if "hex" in spec else expanded(spec.get("body", "")).encode()
    return spec["status"], headers, f"no {url}{path} here".encode() if spec.get("echo_url") else body


def http_rows():
    for channel in PATHS:
        own = [] if channel == "bot" else ROWS["answers"]
        for row in [*own, *ROWS[channel]]:
            yield pytest.param(channel, row, id=f"{channel}: {row['law']}")


@pytest.mark.parametrize(("channel", "row"), list(http_rows()))
async def test_over_http(channel, row, folder, certificate):
    got, asked = [], []
    answers = list(row.get("answers", [{"status": 200}]))
    tokens = list(row.get("tokens", []))

    def answer(path, headers, body):
        if path == "/token":
            asked.append({"headers": headers, "form": dict(parse_qsl(body.decode()))})
            return answer_of(tokens.pop(0), url, path)
        check = {"slack": documented.slack, "bot": documented.slack, "pagerduty": documented.pagerduty}.get(channel)
        body = msgspec.json.decode(body) if check is None or "service_key" in row.get("config", {}) else check(body)
        got.append({"path": path, "headers": headers, "body": body})
        return answer_of(answers.pop(0), url, path) if answers else (200, {}, b"")

    with listening(answer, certificate.server() if row.get("tls") else None) as url:
        where = row.get("url", url + PATHS[channel])
        (folder / "url").write_text(f"{url}/from-a-file\n")
        own = {
            "slack": {"api_url": where}, "bot": {"app_token": "xoxb-1", "app_url": where},
            "pagerduty": {"routing_key": "R0UT1NG", "url": where}, "webhook": {"url": where},
        }[channel]  # fmt: skip
        config = yaml.safe_load(yaml.safe_dump(row.get("config", {})).replace("{url}", url))
        outcome = await sent(message_of(row, {"bot": "slack"}.get(channel, channel), own | config, folder))
    judge(row, outcome)
    if row.get("outcome", "delivered") == "delivered":
        assert answers == [], "each answer was asked for"
        assert got
        assert tokens == [], "each token was asked for"
    for path, want in row.get("asked", {}).items():
        compare(look(asked[-1], path), want, path)
    for path, want in row.get("wire", {}).items():
        if path == "method_body":
            assert got[0]["body"] == got[-1]["body"]
        else:
            compare(look(got[-1], path), want, path)


@pytest.mark.parametrize("row", [pytest.param(row, id=row["law"]) for row in ROWS["email"]])
async def test_over_mail(row, folder, certificate):
    tls = {"tls": certificate.server(), "implicit": row["tls"] == "implicit"} if "tls" in row else {}
    with mailing(**tls, password=row.get("password")) as server:
        says = row.get("say", {})
        server.say = lambda stage, detail: says.get(stage, says.get(f"{stage} {detail}"))
        own = {
            "to": "ada@example.com", "from": "sci-agents@example.com", "smarthost": f"localhost:{server.port}",
            "require_tls": False,
        }  # fmt: skip
        outcome = await sent(message_of(row, "email", own | row.get("config", {}), folder))
    judge(row, outcome)
    if outcome.status != "delivered":
        assert server.mails == []
        return
    (mail,) = server.mails
    message = documented.mail(mail.raw)
    text, html = (message.get_body((kind,)).get_content() for kind in ("plain", "html"))
    found = {
        "to": mail.to, "sender": mail.sender, "subject": message["Subject"], "text": text, "html": html,
        "tls": mail.tls, "user": mail.user, "headers": dict(message.items()),
    }  # fmt: skip
    for path, want in row.get("wire", {}).items():
        compare(look(found, path), want, path)
