"""Ways to a receiver: real proxies between, and pools that are shared."""

import ssl

import certificates
import httpx
import pytest
from listening import listening
from proxies import tunnelling

from alerting.notify.connections import Connections
from alerting.receivers import Proxy, Secret, Tls


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return certificates.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def got():
    return []


@pytest.fixture
def secure(certificate, got):
    """A server that speaks TLS, at `https://receiver.test:PORT`, a name that only the proxy knows."""

    def answer(path, headers, _):
        got.append((path, headers))
        return 200, {}, b"ok"

    with listening(answer, certificate.server()) as url:
        yield url.replace("127.0.0.1", "receiver.test")


def tls_of(certificate):
    return Tls(ca_file=str(certificate.file), server_name="localhost")


@pytest.fixture
async def connecting():
    made = []

    def make(environ):
        made.append(Connections(environ))
        return made[-1]

    yield make
    for one in made:
        await one.aclose()


async def post(connections, url, tls, proxy):
    return await connections.post(f"{url}/hook", {}, b"{}", tls, proxy, 100)


async def test_a_tunnel_is_asked_for_with_its_own_headers(connecting, secure, certificate, got):
    """Which the receiver does not see, nor the password for the proxy."""
    with tunnelling() as (where, asked):
        header = (("x-tunnel", Secret("a, b")),)
        proxy = Proxy(url=Secret(f"http://ada:l0ve@{where}"), connect_header=header)
        answer = await post(connecting({}), secure, tls_of(certificate), proxy)
    assert (answer.status, answer.body) == (200, b"ok")
    assert asked.tunnels == ["CONNECT " + secure.removeprefix("https://")]
    assert asked.headers[0]["x-tunnel"] == "a, b"
    assert asked.headers[0]["proxy-authorization"] == "Basic YWRhOmwwdmU="
    assert {"x-tunnel", "proxy-authorization"} & got[0][1].keys() == set()


async def test_socks_passes_the_name_on(connecting, secure, certificate):
    with tunnelling() as (where, asked):
        answer = await post(connecting({}), secure, tls_of(certificate), Proxy(url=Secret(f"socks5://{where}")))
    assert answer.status == 200
    assert asked.tunnels == ["SOCKS " + secure.removeprefix("https://")]


async def test_the_environment_names_the_proxy_where_it_is_asked(connecting, secure, certificate):
    """By the scheme; a configuration that does not ask goes straight on."""
    with tunnelling() as (where, asked):
        connections = connecting({"HTTPS_PROXY": where, "HTTP_PROXY": "http://nowhere.invalid"})
        answer = await post(connections, secure, tls_of(certificate), Proxy())
        straight = secure.replace("receiver.test", "127.0.0.1")
        await post(connections, straight, tls_of(certificate), None)
    assert answer.status == 200
    assert len(asked.tunnels) == 1


async def test_a_proxy_of_the_environment_that_is_none_is_said(connecting, secure, certificate):
    with pytest.raises(httpx.ProxyError):
        await post(connecting({"HTTPS_PROXY": "ftp://SECRET"}), secure, tls_of(certificate), Proxy())


@pytest.mark.parametrize("written", ["in files", "in the configuration"])
async def test_a_receiver_that_wants_to_know_who_comes_is_shown_a_certificate(connecting, certificate, got, written):
    context = certificate.server()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificate.file)
    if written == "in files":
        tls = Tls(ca_file=str(certificate.file), cert_file=str(certificate.file), key_file=str(certificate.key))
    else:
        text = certificate.file.read_text()
        tls = Tls(ca=text, cert=text, key=Secret(certificate.key.read_text()))
    with listening(lambda *_: (200, {}, b"ok"), context) as url:
        assert (await post(connecting({}), url, tls, None)).status == 200
        with pytest.raises((httpx.HTTPError, ssl.SSLError)):  # before the request or, in TLS 1.3, behind it
            await post(connecting({}), url, Tls(ca_file=str(certificate.file)), None)


async def test_as_many_pools_as_there_may_be_are_kept(connecting, secure, certificate, monkeypatch):
    """One that is given up serves whoever uses it, and is closed at the end."""
    monkeypatch.setattr("alerting.notify.connections._MAX_POOLS", 1)
    connections = connecting({})
    straight = secure.replace("receiver.test", "127.0.0.1")
    trusting = Tls(insecure_skip_verify=True)
    for tls in (tls_of(certificate), trusting, trusting):
        assert (await post(connections, straight, tls, None)).status == 200
    assert (len(connections._pools), len(connections._old)) == (1, 1)
