"""Admission: from a record's bytes to a job that may run, or to the problem that answers it. Pure but for the codec."""

import hashlib
from dataclasses import dataclass
from typing import Any, NamedTuple

from agents import catalogue
from agents.outcome import Problem
from agents.task import Task
from streams import instants
from streams.cancels import Cancels
from streams.codec import JSON, canonical_inputs, decode_request
from streams.contracts import Request


class Origin(NamedTuple):
    """Where a record lay, and what of it is carried to its answer."""

    partition: tuple[str, int]
    offset: int
    queued_at: float
    content_type: str
    headers: list[tuple[str, str | bytes | None]]


@dataclass(slots=True)
class Job:
    """An admitted request: its plan is ready to run, together with others of the same group."""

    origin: Origin
    request: Request
    task: Task
    plan: Any
    seed: int
    inputs_hash: str
    timeout_s: float

    @property
    def group(self) -> tuple[str, str, Any]:
        """What is computed in one native call."""
        return (self.task.agent, self.task.name, self.plan.group)


_CARRIED = ("traceparent", "tracestate")
_CARRIED_PREFIXES = ("ce_", "x-")
_PLAIN: list[tuple[str, str | bytes | None]] = [("content-type", JSON)]


def carried(headers: list[tuple[str, bytes | None]] | None) -> tuple[str, list[tuple[str, str | bytes | None]]]:
    """Return the content type of a record and the headers that its answer carries on (contracts, section 1)."""
    if not headers:
        return JSON, _PLAIN
    content_type = JSON
    kept: list[tuple[str, str | bytes | None]] = []
    for name, value in headers:
        low = name.lower()
        if low == "content-type":
            content_type = (value or b"").decode("ascii", "replace").partition(";")[0].strip().lower() or JSON
        elif low in _CARRIED or low.startswith(_CARRIED_PREFIXES):
            kept.append((name, value))
    return content_type, [("content-type", content_type), *kept]


def seed_of(request: Request) -> int:
    """Return the request's seed, or the one that follows from its id: 53 bits, so that JSON keeps it exact."""
    if request.seed is not None:
        return request.seed
    return int.from_bytes(hashlib.sha256(request.id.encode()).digest()[:7], "big") >> 3


def admit(
    value: bytes | None, origin: Origin, now: float, cancels: Cancels, default_timeout_s: float
) -> tuple[Request, Job | Problem]:
    """Decode one record and prepare its plan; raises `Refusal` when it is not a request."""
    request = decode_request(value, origin.content_type)
    try:
        if request.expires_at is not None and instants.from_text(request.expires_at) <= now:
            raise Problem("expired", f"it was to be answered before {request.expires_at}", field="expires_at")
        if cancels and request.id in cancels:
            raise Problem("cancelled", "cancelled before it started")
        task = catalogue.find(request.agent, request.task)
        seed = seed_of(request)
        plan = task.prepare(request.inputs, request.options, seed)
    except Problem as problem:
        return request, problem
    digest = "sha256:" + hashlib.sha256(canonical_inputs(request)).hexdigest()
    return request, Job(origin, request, task, plan, seed, digest, request.timeout_s or default_timeout_s)
