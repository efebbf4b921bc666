"""Slack's buttons: what a signed request says, as a command (Slack: "Verifying requests", "Handling interactions").

A signature is HMAC-SHA256 over `v0:TIMESTAMP:BODY`; one that is older than five minutes may be somebody's copy.
"""

import hmac
import re
from typing import Literal
from urllib.parse import parse_qs

import msgspec

from alerting import instants
from alerting.receivers import Secret
from alerting.text import one_line
from streams.contracts import Action, Command

BODY_LIMIT = 256 * 1024
_FRESH_S = 300.0
_TIME = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?")


class _User(msgspec.Struct):
    id: str
    username: str = ""
    name: str = ""


class _Pressed(msgspec.Struct):
    action_id: str
    value: str = ""
    action_ts: str = ""


class _Interaction(msgspec.Struct):
    type: Literal["block_actions"]
    user: _User
    actions: list[_Pressed]


_interaction = msgspec.json.Decoder(_Interaction)
_ACTIONS: dict[str, Action] = {"acknowledge": "acknowledge", "resolve": "resolve", "snooze": "snooze"}
_SNOOZE_S = 3_600.0
"""What the button says."""


def signed(secret: Secret, timestamp: str, body: bytes, signature: str, now: float) -> bool:
    """Whether a request is Slack's own, and fresh; takes as long whatever the signature is."""
    if _TIME.fullmatch(timestamp) is None or abs(now - float(timestamp)) > _FRESH_S:
        return False
    expected = hmac.new(secret.reveal().encode(), b"v0:%b:%b" % (timestamp.encode(), body), "sha256").hexdigest()
    return hmac.compare_digest(f"v0={expected}".encode(), signature.encode())


def read(body: bytes, now: float) -> list[Command]:
    """The commands of a request; pressed once, however often Slack sends it, it is one command.

    Raises:
        ValueError: it is no interaction with our buttons.

    """
    fields = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=10)
    payload = fields.get("payload", [""])[0]
    try:
        interaction = _interaction.decode(payload)
    except msgspec.DecodeError as error:
        raise ValueError(f"`payload` is no interaction with blocks: {error}") from None
    by = one_line(interaction.user.username or interaction.user.name or interaction.user.id, 90)
    made = []
    for pressed in interaction.actions[:10]:
        if pressed.action_id in _ACTIONS and pressed.value:
            at = float(pressed.action_ts) if _TIME.fullmatch(pressed.action_ts) else now
            at = at if abs(now - at) <= _FRESH_S else now
            until = instants.show(at + _SNOOZE_S) if pressed.action_id == "snooze" else None
            made.append(
                Command(
                    incident=pressed.value[:100], action=_ACTIONS[pressed.action_id], by=f"{by} (Slack)",
                    at=instants.show(at), until=until,
                )
            )  # fmt: skip
    if not made:
        raise ValueError("none of the buttons is ours")
    return made
