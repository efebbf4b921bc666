"""Admission: from a request to a job that may run, or to the problem that answers it. Pure."""

import hashlib
from collections.abc import Container, Mapping
from typing import Any, cast

import msgspec
from confluent_kafka import Message

from agents import catalogue
from agents.alone import Alone
from agents.divided import Divided
from agents.outcome import Problem
from agents.task import Task
from agents.workflow.document import Workflow
from streams import instants
from streams.codec import JSON, Received, decode_inputs, inputs_hash
from streams.emit import Headers
from streams.limits import USUAL, Limits
from streams.watch import cancelled

Partition = tuple[str, int]
"""A topic and the number of its partition."""


class Origin(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a record lay, and what of it is carried to its answer."""

    partition: Partition
    offset: int
    queued_at_ms: int
    content_type: str
    headers: Headers
    shard: str = ""
    """Which part of its request is meant, as `streams.shard` writes it; all of it where it is empty."""


class Job(msgspec.Struct):
    """An admitted request: its plan is ready to run, together with others of the same group."""

    origin: Origin
    request: Received
    task: Task
    plan: Any
    seed: int | None
    inputs_hash: str
    timeout_s: float
    cache_key: bytes | None = None
    """Under which its answer is kept; None for one that is not."""
    quick: bool = False
    """It went the short way, and all of it is asked for."""
    plain: bool = False
    """Its answer is a result in JSON, in the usual form."""
    record: Message | None = None
    """What it came as, where it may have to be passed on."""

    @property
    def needs(self) -> tuple[str, ...]:
        """What of earlier requests' artifacts the plan needs."""
        return self.plan.needs if isinstance(self.plan, Alone) else ()


def conducted(plan: Any, *, embedded: bool = False) -> bool:
    """Whether a plan is run in pieces, by a conductor: a workflow, or divided work too large for one lane.

    The embedded broker keeps too little for what shards leave: there, work is computed in one piece.
    """
    if isinstance(plan, Divided):
        return plan.divisible and plan.cost > DIVIDED_COST and not embedded
    return isinstance(plan, Workflow)


DIVIDED_COST = 4e10
"""Estimated operations above which divided work is: about 10 s of one core, whatever the number of workers."""
STEP_HEADER = "workflow-step"
"""Names the workflow that a request is a step of: its result is written in the journal too."""
_CARRIED = ("traceparent", "tracestate", STEP_HEADER)
_CARRIED_PREFIXES = ("ce_", "x-")
PLAIN: tuple[str, Headers] = (JSON, [])
"""What `carried` gives for a record without headers: JSON needs none."""


def carried(headers: Headers) -> tuple[str, Headers]:
    """Return the content type of a record and the headers that its answer carries on (contracts, section 1)."""
    content_type, kept = JSON, Headers()
    for name, value in headers:
        low = name.lower()
        if low == "content-type":
            text = value.decode("ascii", "replace") if isinstance(value, bytes) else value or ""
            content_type = text.partition(";")[0].strip().lower() or JSON
        elif low in _CARRIED or low.startswith(_CARRIED_PREFIXES):
            kept.append((name, value))
    return content_type, [("content-type", content_type), *kept]


def origin_of(record: Message, partition: Partition, offset: int) -> Origin:
    """Tell where a record of `compute.requests` lay."""
    content_type, headers = carried(cast("Headers", found)) if (found := record.headers()) else PLAIN
    return Origin(partition, offset, record.timestamp()[1], content_type, headers)


def seed_of(request_id: str, seed: int | None) -> int:
    """Return a request's seed, or the one that follows from its id: 53 bits, so that JSON keeps it exact."""
    if seed is not None:
        return seed
    return int.from_bytes(hashlib.sha256(request_id.encode()).digest()[:7], "big") >> 3


Defaults = Mapping[tuple[str, str], Mapping[str, Any]]
"""Options by (agent, task), for requests that do not set them."""
_NO_DEFAULTS: Defaults = {}


def admit(
    request: Received,
    origin: Origin,
    now: float,
    cancels: Container[str],
    default_timeout_s: float,
    defaults: Defaults = _NO_DEFAULTS,
    limits: Limits = USUAL,
) -> Job | Problem:
    """Prepare the plan of a request; what is wrong with it is the problem that answers it."""
    try:
        if request.expires_at is not None and instants.from_text(request.expires_at) <= now:
            raise Problem("expired", f"it was to be answered before {request.expires_at}", field="expires_at")
        if limits.queue_s is not None and (late := limits.waited_too_long(origin.queued_at_ms, now)) is not None:
            raise late
        if request.id in cancels:
            raise cancelled()
        task = catalogue.find(request.agent, request.task)
        if defaults and (options := defaults.get((task.agent, task.name))):
            request.options = {**options, **request.options}
        quick = _quick_plan(task, request, origin)
        if quick is not None:
            seed, (plan, inputs) = request.seed, quick
        else:
            seed = seed_of(request.id, request.seed)
            inputs = decode_inputs(request, origin.content_type)
            plan = task.plan(inputs, request.options, seed)
            if not isinstance(plan, Workflow):
                limits.check(plan, len(request.inputs))
    except Problem as problem:
        return problem
    whole = not origin.shard
    return Job(
        origin, request, task, plan, seed,
        inputs_hash(request.agent, request.task, inputs, request.options, request.seed),
        default_timeout_s if request.timeout_s is None else request.timeout_s,
        quick=whole and quick is not None,
        plain=whole and origin.content_type == JSON and "arrays" not in request.options,
    )  # fmt: skip


def failed(error: Exception) -> Problem:
    """Say that admission has raised what is no answer."""
    return Problem("internal", f"admission failed: {type(error).__name__}", hint="report this request")


def _quick_plan(task: Task, request: Received, origin: Origin) -> tuple[Any, Any] | None:
    quick = task.quick
    if quick is None or request.options or origin.content_type != JSON:
        return None
    try:
        inputs = quick.decoder.decode(request.inputs)
    except msgspec.MsgspecError:
        return None
    plan = quick.plan(inputs)
    return None if plan is None else (plan, inputs)
