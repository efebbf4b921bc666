"""Tokens: asked for at a real endpoint, which answers as it is told."""

import asyncio
import base64
import threading
from urllib.parse import parse_qsl

import httpx
import msgspec
import pytest
from listening import Broken, listening

from alerting.notify import tokens
from alerting.notify.connections import Answer, Connections
from alerting.notify.http import Clients, post
from alerting.notify.tokens import TokenError, Tokens, question, read
from alerting.outbox import DELIVERED
from alerting.receivers import Http, OAuth2, Secret


class Endpoint:
    """Tokens T1, T2, … at `/token`; messages anywhere else, taken with what is in `valid`."""

    def __init__(self):
        self.url = ""
        self.asked = []
        self.came = threading.Event()
        self.messages = []
        self.answers = []
        self.expires_in = 3600
        self.valid = lambda token: True

    def answer(self, path, headers, body):
        if path == "/token":
            self.asked.append((headers.get("authorization"), dict(parse_qsl(body.decode()))))
            self.came.set()
            if self.answers:
                return self.answers.pop(0)
            said = {"access_token": f"T{len(self.asked)}", "token_type": "bearer", "expires_in": self.expires_in}
            return 200, {"content-type": "application/json"}, msgspec.json.encode(said)
        token = headers.get("authorization", "")
        self.messages.append(token)
        return (200, {}, b"ok") if self.valid(token) else (401, {}, f"no {token}".encode())

    def client(self, **fields):
        return OAuth2(
            client_id="sci agents", client_secret=Secret("s:SECRET"), token_url=Secret(f"{self.url}/token"), **fields
        )

    def send(self, clients, **fields):
        return post(clients, Http(oauth2=self.client(**fields)), Secret(f"{self.url}/hook"), b"{}")


@pytest.fixture
def endpoint():
    made = Endpoint()
    with listening(made.answer) as made.url:
        yield made


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
async def clients():
    made = Clients()
    made.tokens = Tokens(made.connections, Clock())
    yield made
    await made.aclose()


def forward(clients, seconds):
    clients.tokens._clock.now += seconds


async def test_many_who_send_ask_once(endpoint, clients):
    outcomes = await asyncio.gather(*(endpoint.send(clients) for _ in range(20)))
    assert set(outcomes) == {DELIVERED}
    assert (len(endpoint.asked), endpoint.messages) == (1, ["Bearer T1"] * 20)


async def test_a_token_is_kept_until_shortly_before_its_end(endpoint, clients):
    await endpoint.send(clients)
    forward(clients, 3589)
    await endpoint.send(clients)
    forward(clients, 2)
    await endpoint.send(clients)
    assert endpoint.messages == ["Bearer T1", "Bearer T1", "Bearer T2"]


async def test_a_token_that_is_refused_is_asked_for_again_once(endpoint, clients):
    """And the message is sent with the new one, in the same attempt."""
    await endpoint.send(clients)
    endpoint.valid = lambda token: token != "Bearer T1"
    assert await endpoint.send(clients) == DELIVERED
    assert endpoint.messages == ["Bearer T1", "Bearer T1", "Bearer T2"]


async def test_who_takes_no_token_is_not_asked_for_ever(endpoint, clients):
    """And the answer that repeats a token does not show it."""
    endpoint.valid = lambda token: False
    outcome = await endpoint.send(clients)
    assert (outcome.status, outcome.error) == ("permanent", "HTTP 401: no ***")
    assert (len(endpoint.asked), len(endpoint.messages)) == (2, 2)


async def test_clients_do_not_share_tokens(endpoint, clients):
    await endpoint.send(clients, scopes=("alerts",))
    await endpoint.send(clients, scopes=("pages",))
    assert endpoint.messages == ["Bearer T1", "Bearer T2"]
    assert [form["scope"] for _, form in endpoint.asked] == ["alerts", "pages"]


async def test_a_server_that_wants_the_credentials_in_the_body_gets_them_there(endpoint, clients):
    """The header is not tried again."""
    endpoint.answers = [(401, {}, b"")]
    endpoint.expires_in = 20
    assert await endpoint.send(clients) == DELIVERED
    forward(clients, 30)
    assert await endpoint.send(clients) == DELIVERED
    in_header = "Basic " + base64.b64encode(b"sci+agents:s%3ASECRET").decode()
    assert [(header, "client_secret" in form) for header, form in endpoint.asked] == [
        (in_header, False), (None, True), (None, True),
    ]  # fmt: skip
    assert endpoint.asked[1][1] == {
        "grant_type": "client_credentials", "client_id": "sci agents", "client_secret": "s:SECRET",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        pytest.param(
            [(400, {}, b'{"error": "invalid_client", "error_description": "who\\nis it"}')] * 2,
            "HTTP 400: invalid_client who is it", id="refused in the server's words",
        ),
        pytest.param([(503, {}, b"<html>")], "HTTP 503", id="down"),
        pytest.param([(302, {"location": "/login"}, b"")], "HTTP 302", id="sent elsewhere"),
        pytest.param([(200, {}, b"<html>")], "the answer cannot be read", id="a page"),
        pytest.param([(200, {}, b"{}")], "the answer has no access_token", id="nothing"),
        pytest.param([(200, {}, b'{"error": "no"}')], "HTTP 200: no", id="an error in spite of its status"),
        pytest.param(
            [(200, {}, b'{"access_token": "a\\r\\nX: b"}')], "the token cannot stand in a header", id="two lines"
        ),
        pytest.param(
            [(200, {}, b'{"access_token": "' + b"a" * 20_000 + b'"}')], "the token cannot stand in a header", id="long"
        ),
        pytest.param([(200, {}, b'{"access_token": "' + b"a" * 100_000)], "the answer cannot be read", id="endless"),
        pytest.param([Broken.RESET], "cannot be reached: ReadError", id="reset"),
        pytest.param([Broken.GARBAGE], "cannot be reached: RemoteProtocolError", id="no HTTP"),
    ],
)  # fmt: skip
async def test_without_a_token_nothing_is_sent_and_it_is_tried_again(endpoint, clients, answers, error):
    endpoint.answers = list(answers)
    outcome = await endpoint.send(clients)
    assert (outcome.status, outcome.error) == ("retry", f"no token of oauth2: {error}")
    assert endpoint.messages == []
    assert await endpoint.send(clients) == DELIVERED


async def test_a_server_says_when_to_ask_again(endpoint, clients):
    endpoint.answers = [(429, {"retry-after": "7"}, b"")]
    assert (await endpoint.send(clients)).after == 7.0


async def test_a_token_that_comes_too_late_for_one_is_there_for_the_next(clients):
    """A message's time is over before the answer comes; nobody asks again."""
    asked, released, answered = [], asyncio.Event(), asyncio.Event()

    async def ask(*_args, **_kwargs):
        asked.append(True)
        await released.wait()
        answered.set()
        return Answer(200, httpx.Headers(), b'{"access_token": "late"}')

    clients.tokens._connections.post = ask
    client = Endpoint().client()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await clients.tokens.header(client)
    released.set()
    assert (await clients.tokens.header(client)).reveal() == "Bearer late"
    assert (await clients.tokens.header(client)).reveal() == "Bearer late"
    assert len(asked) == 1


async def test_a_silent_server_is_not_waited_for_without_end(endpoint, clients, monkeypatch):
    monkeypatch.setattr(tokens, "TIMEOUT_S", 0.05)
    endpoint.answers = [Broken.HANG]
    outcome = await endpoint.send(clients)
    assert (outcome.status, outcome.error) == ("retry", "no token of oauth2: no answer within 0.05 s")


async def test_the_end_waits_for_no_answer(endpoint):
    made = Tokens(Connections())
    endpoint.answers = [Broken.HANG]
    waiting = asyncio.create_task(made.header(endpoint.client()))
    assert await asyncio.to_thread(endpoint.came.wait, 30)
    await made.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize(
    ("said", "header", "until"),
    [
        ({"access_token": "a", "expires_in": 3600}, "Bearer a", 4590.0),
        ({"access_token": "a", "expires_in": "3600"}, "Bearer a", 4590.0),
        ({"access_token": "a", "expires_in": 4}, "Bearer a", 1002.0),
        ({"access_token": "a"}, "Bearer a", None),
        ({"access_token": "a", "expires_in": 0, "token_type": None}, "Bearer a", None),
        ({"access_token": "a", "expires_in": "soon"}, "Bearer a", None),
        ({"access_token": "a", "expires_in": -1, "token_type": "DPoP", "scope": "x"}, "DPoP a", None),
    ],
)
def test_how_long_a_token_holds(said, header, until):
    """None: until it is refused."""
    kept = read(Answer(200, httpx.Headers(), msgspec.json.encode(said)), 1000.0)
    assert (kept.header.reveal(), kept.until) == (header, until)


def test_an_answer_may_be_a_form():
    """As old servers write it, which Go reads as well."""
    headers = httpx.Headers({"content-type": "application/x-www-form-urlencoded"})
    kept = read(Answer(200, headers, b"access_token=a%2Fb&token_type=bearer&expires_in=20"), 0.0)
    assert (kept.header.reveal(), kept.until) == ("Bearer a/b", 10.0)
    with pytest.raises(TokenError, match="cannot be read"):
        read(Answer(200, headers, b"\xff"), 0.0)


def test_endpoint_params_are_asked_with_and_may_say_another_grant():
    client = OAuth2(
        client_id="i", client_secret=Secret(""), token_url=Secret("http://x"), scopes=("a", "b"),
        params=(("audience", Secret("https://a/?b=c")), ("grant_type", Secret("password"))),
    )  # fmt: skip
    _, body = question(client, in_body=True)
    assert dict(parse_qsl(body.decode())) == {
        "grant_type": "password", "scope": "a b", "audience": "https://a/?b=c", "client_id": "i",
    }  # fmt: skip


async def test_as_many_clients_as_there_may_be_are_kept(endpoint, clients, monkeypatch):
    """The oldest makes room."""
    monkeypatch.setattr(tokens, "_MAX_KEPT", 2)
    for scope in ("a", "b", "c", "c", "b", "a"):
        await endpoint.send(clients, scopes=(scope,))
    assert [form["scope"] for _, form in endpoint.asked] == ["a", "b", "c", "a"]
