"""Whom a proxy is on the way to."""

import httpx
import pytest

from alerting.notify.proxying import through
from alerting.receivers import Proxy, Secret

ONE = Proxy(url=Secret("http://proxy:3128"))
ENVIRONMENT = Proxy()


def spared(url, no_proxy):
    proxy = Proxy(url=Secret("http://proxy:3128"), no_proxy=no_proxy)
    return through(httpx.URL(url), proxy, {}) is None


@pytest.mark.parametrize(
    ("url", "no_proxy", "straight"),
    [
        ("http://a.example.com/", "example.com", True),
        ("http://example.com/", "example.com", True),
        ("http://badexample.com/", "example.com", False),
        ("http://example.com/", ".example.com", False),
        ("http://a.example.com/", ".example.com", True),
        ("http://a.example.com/", "*.example.com", True),
        ("http://example.com/", "*.example.com", False),
        ("http://EXAMPLE.com/", " Example.Com ", True),
        ("http://example.com:8080/", "example.com:8080", True),
        ("http://example.com/", "example.com:8080", False),
        ("https://example.com/", "example.com:443", True),
        ("http://other.org/", "example.com, other.org", True),
        ("http://other.org/", "example.com,,", False),
        ("http://other.org/", "*", True),
        ("http://10.1.2.3/", "10.0.0.0/8", True),
        ("http://11.1.2.3/", "10.0.0.0/8", False),
        ("http://ten.example.com/", "10.0.0.0/8", False),
        ("http://10.1.2.3/", "10.1.2.3", True),
        ("http://10.1.2.3:81/", "10.1.2.3:80", False),
        ("http://110.1.2.3/", "10.1.2.3", False),
        ("http://[2001:db8::1]/", "2001:db8::/32", True),
        ("http://[2001:db8::1]/", "2001:db8:0::1", True),
        ("http://[2001:db8::1]:81/", "[2001:db8::1]:81", True),
        ("http://[2001:db8::1]/", "10.0.0.0/8", False),
        ("http://other.org/", "10.0.0.0/99, example.com:many, :80, //", False),
        ("http://localhost:9093/", "example.com", True),
        ("http://127.0.0.2/", "example.com", True),
        ("http://[::1]/", "example.com", True),
    ],
)
def test_no_proxy_names_whom_to_reach_without_it(url, no_proxy, straight):
    """As Go's httpproxy reads it."""
    assert spared(url, no_proxy) is straight


def test_one_proxy_for_all_is_for_this_machine_too():
    """As Alertmanager's is, where there is no `no_proxy`."""
    assert through(httpx.URL("http://localhost/"), ONE, {"NO_PROXY": "*"}) == "http://proxy:3128"


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        ("http://a.org/", {"HTTP_PROXY": "http://p:1", "HTTPS_PROXY": "http://q:1"}, "http://p:1"),
        ("https://a.org/", {"HTTP_PROXY": "http://p:1", "HTTPS_PROXY": "http://q:1"}, "http://q:1"),
        ("https://a.org/", {"https_proxy": "q:1"}, "http://q:1"),
        ("https://a.org/", {"HTTPS_PROXY": "socks5://q:1", "https_proxy": "http://p:1"}, "socks5://q:1"),
        ("http://a.org/", {"ALL_PROXY": "http://p:1"}, None),
        ("http://a.org/", {}, None),
        ("http://a.org/", {"HTTP_PROXY": "http://p:1", "no_proxy": "a.org"}, None),
        ("http://localhost/", {"HTTP_PROXY": "http://p:1"}, None),
    ],
)
def test_the_environment_names_one_for_each_scheme(url, environ, proxy):
    assert through(httpx.URL(url), ENVIRONMENT, environ) == proxy
