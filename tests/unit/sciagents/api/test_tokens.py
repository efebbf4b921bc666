"""Tokens and who may do what."""

import pytest

from sciagents.api.tokens import Tokens, is_loopback, listen, read_tokens
from sciagents.errors import UsageError

TEXT = """
# token         scopes
reader-123      read        # dashboards
writer-123      submit, read
"""


def test_a_token_has_the_scopes_of_its_line():
    """Comments and blank lines count for nothing."""
    tokens = read_tokens({"SCI_AGENTS_TOKENS": TEXT})
    assert tokens.scopes("reader-123") == {"read"}
    assert tokens.scopes("writer-123") == {"submit", "read"}
    assert tokens.scopes("reader-12") is None


def test_no_token_is_shown():
    """Neither by a repr."""
    assert "reader" not in repr(read_tokens({"SCI_AGENTS_TOKENS": TEXT}))


def test_a_file_of_tokens_is_read(tmp_path):
    """And takes the place of the variable."""
    (tmp_path / "tokens").write_text("from-file operate\n")
    tokens = read_tokens({"SCI_AGENTS_TOKENS": TEXT, "SCI_AGENTS_TOKENS_FILE": str(tmp_path / "tokens")})
    assert tokens.scopes("from-file") == {"operate"}
    assert tokens.scopes("reader-123") is None


def test_without_any_there_are_none():
    """An empty variable is none at all."""
    assert not read_tokens({})
    assert not read_tokens({"SCI_AGENTS_TOKENS": "  \n# nobody\n"})


WRONG = {
    "not ASCII": ("sécret-123 read", "line 1"),
    "without scopes": ("secret-123", "line 1"),
    "with a scope that is none": ("secret-123 write", "submit, read, operate"),
    "there twice": ("secret-123 read\nsecret-123 submit", "line 2"),
}


@pytest.mark.parametrize("rule", WRONG)
def test_a_wrong_line_is_named_without_its_token(rule):
    """A token that is not right stops the start."""
    text, said = WRONG[rule]
    with pytest.raises(UsageError, match=said) as caught:
        read_tokens({"SCI_AGENTS_TOKENS": text})
    assert "cret-123" not in str(caught.value)


def test_a_short_token_is_refused():
    """Seven characters can be guessed."""
    with pytest.raises(UsageError, match="line 1"):
        read_tokens({"SCI_AGENTS_TOKENS": "1234567 read"})


def test_a_file_that_is_not_there_stops_the_start(tmp_path):
    """Not a server without tokens."""
    with pytest.raises(UsageError, match="SCI_AGENTS_TOKENS_FILE"):
        read_tokens({"SCI_AGENTS_TOKENS_FILE": str(tmp_path / "none")})


HOSTS = {"127.0.0.1": True, "127.9.9.9": True, "::1": True, "[::1]": True, "localhost": True, "0.0.0.0": False,
         "::": False, "10.0.0.1": False, "example.com": False, "localhost.example.com": False, "": False}  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_loopback_is_this_machine_alone(host):
    """By address or by its one name."""
    assert is_loopback(host) is HOSTS[host]


@pytest.mark.parametrize(("text", "host"), [("", "127.0.0.1"), ("reader-123 read", "0.0.0.0")])
def test_an_address_without_a_host_is_everywhere_once_there_are_tokens(text, host):
    with listen(":0", read_tokens({"SCI_AGENTS_TOKENS": text})) as listener:
        assert listener.getsockname()[0] == host


def test_without_tokens_nobody_else_is_served():
    with pytest.raises(UsageError, match="this machine alone"):
        listen("0.0.0.0:0", Tokens({}))
