"""The routes of silences, in the program's own words."""

import time
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, post

from alerting import durations, instants
from alerting.silences import SilenceError, State, UnknownSilenceError, state_of
from sciagents.api.access import requires
from sciagents.api.bodies import decode
from sciagents.api.desk import Desk
from sciagents.api.problems import HttpProblem
from streams.contracts import Silence


class NewSilence(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A silence to be made, or with an `id` changed: from `starts_at` (now), until `ends_at` or for `duration`."""

    matchers: Annotated[list[str], msgspec.Meta(min_length=1, max_length=100)]
    created_by: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    comment: Annotated[str, msgspec.Meta(max_length=10_000)] = ""
    starts_at: str | None = None
    ends_at: str | None = None
    duration: str | None = None
    id: str = ""


class ShownSilence(msgspec.Struct, kw_only=True):
    """A silence and where it stands."""

    id: str
    status: State
    matchers: list[str]
    starts_at: str
    ends_at: str
    created_by: str
    comment: str
    updated_at: str
    incident: str | None


class Silenced(msgspec.Struct, kw_only=True):
    """All silences that are kept."""

    silences: list[ShownSilence]


_new = msgspec.json.Decoder(NewSilence)


@get("/v1/silences", guards=[requires("read")], summary="List silences", tags=["silences"])
async def list_silences(desk: Desk, status: State | None = None) -> Silenced:
    """List silences, those that end first ahead; an expired one is kept for five days."""
    now = time.time()
    found = sorted(desk.engine.silences, key=lambda one: instants.parse(one.ends_at))
    return Silenced(silences=[_shown(one, now) for one in found if status in {None, state_of(one, now)}])


@get("/v1/silences/{silence_id:str}", guards=[requires("read")], summary="Get a silence", tags=["silences"])
async def show_silence(silence_id: str, desk: Desk) -> ShownSilence:
    """Give one silence."""
    return _found(desk, silence_id)


@post("/v1/silences", status_code=201, guards=[requires("operate")], summary="Silence alerts", tags=["silences"])
async def make_silence(request: Request[Any, Any, Any], desk: Desk) -> ShownSilence:
    """Make a silence, or change one; matchers as in `alertname="HighErrorRate"`, all of them have to hold."""
    new: NewSilence = decode(_new, await request.body())
    now = time.time()
    wanted = Silence(
        id=new.id, matchers=new.matchers, starts_at=new.starts_at or instants.show(now), ends_at=_end(new, now),
        created_by=new.created_by, comment=new.comment,
    )  # fmt: skip
    try:
        name = await desk.stream.set_silence(wanted)
    except UnknownSilenceError as error:
        raise HttpProblem(404, "not_found", str(error), field="id") from None
    except ValueError as error:
        raise HttpProblem(400, "invalid_input", str(error)) from None
    return _found(desk, name)


@delete(
    "/v1/silences/{silence_id:str}", status_code=200, guards=[requires("operate")], summary="Expire a silence",
    tags=["silences"],
)  # fmt: skip
async def end_silence(silence_id: str, desk: Desk) -> Response[ShownSilence]:
    """End a silence now: its alerts speak again at the next flush of their groups."""
    try:
        await desk.stream.expire_silence(silence_id)
    except UnknownSilenceError as error:
        raise HttpProblem(404, "not_found", str(error), field="id") from None
    except SilenceError as error:
        raise HttpProblem(409, "invalid_input", str(error), field="id") from None
    return Response(_found(desk, silence_id))


def _end(new: NewSilence, now: float) -> str:
    if (new.ends_at is None) == (new.duration is None):
        raise HttpProblem(
            400, "invalid_input", "one of ends_at and duration is needed", field="ends_at", hint='"duration": "2h"'
        )
    if new.duration is None:
        return new.ends_at or ""
    try:
        start = now if new.starts_at is None else instants.parse(new.starts_at)
        return instants.show(start + durations.parse(new.duration))
    except (ValueError, OverflowError) as error:
        raise HttpProblem(400, "invalid_input", str(error), field="duration") from None


def _found(desk: Desk, silence_id: str) -> ShownSilence:
    silence = desk.engine.silences.get(silence_id)
    if silence is None:
        raise HttpProblem(404, "not_found", f"there is no silence {silence_id[:100]!r}", field="id")
    return _shown(silence, time.time())


def _shown(silence: Silence, now: float) -> ShownSilence:
    return ShownSilence(
        id=silence.id, status=state_of(silence, now), matchers=silence.matchers, starts_at=silence.starts_at,
        ends_at=silence.ends_at, created_by=silence.created_by, comment=silence.comment, updated_at=silence.updated_at,
        incident=silence.incident,
    )  # fmt: skip


ROUTES = (list_silences, show_silence, make_silence, end_silence)
