"""Slack's buttons: whose request it is, and what it says."""

import contextlib
import hashlib
import hmac
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.alerting.making import NOW

from alerting import instants
from alerting.interactions import read, signed
from alerting.receivers import Secret

SECRET = Secret("8f742231b10e8888abcd99yyyzzz85a5")


def body_of(action="acknowledge", value="INC-2025-000042", ts=f"{NOW:.6f}", kind="block_actions", **user):
    pressed = {"action_id": action, "block_id": "b", "type": "button", "value": value, "action_ts": ts}
    payload = {"type": kind, "user": {"id": "U1", "username": "ada"} | user, "actions": [pressed], "team": {"id": "T"}}
    return urlencode({"payload": msgspec.json.encode(payload).decode()}).encode()


def test_the_example_of_slacks_manual_is_signed():
    """Slack: "Verifying requests from Slack", the worked example."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    assert signed(SECRET, "1531420618", body, signature, 1531420618.0 + 299)
    assert not signed(SECRET, "1531420618", body, signature, 1531420618.0 + 301)
    assert not signed(SECRET, "1531420618", body + b"&", signature, 1531420618.0)
    assert not signed(SECRET, "1531420619", body, signature, 1531420618.0)
    assert not signed(Secret("another"), "1531420618", body, signature, 1531420618.0)


@pytest.mark.parametrize("timestamp", ["", "soon", "-1", "1e9", "٣", "9" * 400, "nan"])
def test_a_time_that_is_none_is_not_signed(timestamp):
    base = b"v0:%b:{}" % timestamp.encode()
    signature = "v0=" + hmac.new(SECRET.reveal().encode(), base, hashlib.sha256).hexdigest()
    assert not signed(SECRET, timestamp, b"{}", signature, NOW)


@pytest.mark.parametrize("action", ["acknowledge", "resolve", "snooze"])
def test_a_button_is_a_command_and_pressed_once_is_one_however_often_it_comes(action):
    (command,) = read(body_of(action), NOW + 1)
    assert (command.incident, command.action, command.by) == ("INC-2025-000042", action, "ada (Slack)")
    assert command.at == instants.show(NOW)
    assert command.until == (instants.show(NOW + 3600) if action == "snooze" else None)
    assert read(body_of(action), NOW + 60) == [command]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"payload={", id="no JSON"),
        pytest.param(b"payload=[]", id="no interaction"),
        pytest.param(b"\xff", id="garbage"),
        pytest.param(body_of(kind="view_submission"), id="another interaction"),
        pytest.param(body_of(action="delete"), id="a button of somebody else"),
        pytest.param(b"&".join([b"payload=1"] * 100), id="too many fields"),
    ],
)
def test_what_is_no_button_of_ours_is_refused(body):
    with pytest.raises(ValueError, match=r"."):
        read(body, NOW)


@given(st.binary(max_size=300))
def test_nothing_that_comes_breaks_it(body):
    """Whatever comes is a list of commands or a `ValueError`."""
    with contextlib.suppress(ValueError):
        assert isinstance(read(b"payload=" + body, NOW), list)
