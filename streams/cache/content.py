"""What an answer depends on: the key under which it is kept, and which answers may be kept at all. Pure."""

import hashlib
from collections.abc import Iterator
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec

from agents.outcome import Outcome
from agents.workflow.document import Workflow
from streams.admit import Job
from streams.codec import MSGPACK

KEPT_FAILURES = frozenset({"singular", "infeasible", "unbounded", "not_converged", "non_finite"})
"""Failures that are found again each time: those of the problem, and not of the machine or the moment."""
_canonical = msgspec.msgpack.Encoder(order="deterministic")


class Keying(msgspec.Struct, frozen=True):
    """What gives a job its key: `forms` are those of answers in JSON and in msgpack."""

    forms: tuple[bytes, bytes]
    floor: float

    def __call__(self, job: Job) -> bytes | None:
        """Give a job the key of its answer, and return it; None for what is not looked up."""
        job.cache_key = key(job, self.forms[job.origin.content_type == MSGPACK], self.floor)
        return job.cache_key


def key(job: Job, form: bytes, floor: float) -> bytes | None:
    """Return the key of a job's answer (32 bytes); None when it is not looked up.

    `form` is all beside the request that an answer's bytes depend on; jobs that cost less than `floor` operations are
    computed faster than looked up.
    """
    plan, request = job.plan, job.request
    if isinstance(plan, Workflow) or plan.cost < floor or not request.cache or job.needs:
        return None
    repeats = job.task.repeats
    if repeats == "never" or (repeats == "seed" and request.seed is None):
        return None
    digest = hashlib.sha256(form)
    if job.origin.content_type != MSGPACK:
        digest.update(job.inputs_hash.encode())
    else:
        # in the canonical form of `inputs_hash` numbers that are not finite are alike, and bytes are as their base64
        digest.update(_canonical.encode((request.agent, request.task, request.options, request.seed)))
        digest.update(request.inputs)
    return digest.digest()


def form(program: bytes, packed: bool, inline_limit: int) -> bytes:
    """What an answer's bytes depend on beside its request."""
    return hashlib.sha256(_canonical.encode((program, packed, inline_limit))).digest()


def may_be_kept(outcome: Outcome) -> bool:
    """Whether the same request would get the same answer again; what leaves artifacts has to leave them each time."""
    if outcome.keep:
        return False
    return outcome.problem is None or (outcome.problem.code in KEPT_FAILURES and outcome.outputs is None)


def program() -> bytes:
    """Digest of what computes: the versions, and every file of `agents` and `native`, compiled kernels too.

    A version alone would not tell two builds of one checkout from each other.
    """
    digest = hashlib.sha256("\0".join(version(name) for name in ("sci-agents", "numpy", "scipy")).encode())
    for package in ("agents", "native"):
        for path in _sources(files(package)):
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    return digest.digest()


def _sources(folder: Traversable) -> Iterator[Traversable]:
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.is_dir():
            yield from _sources(path)
        elif path.name.endswith((".py", ".so")):
            yield path
