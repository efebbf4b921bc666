"""The short way of a whole batch: plain requests of small tasks, decoded together. Pure.

Plain is a value that is one line of JSON and sets neither options nor a time nor a seed.
Whatever is not plain, or not right, is left: admitted by itself, it is told what is wrong with it.
"""

from collections import defaultdict
from collections.abc import Sequence

from confluent_kafka import Message

from agents import catalogue
from streams.admit import Defaults, Job, Origin
from streams.cancels import Cancels
from streams.codec import JSON, Received, inputs_hash, receive_together
from streams.limits import Limits

_UNSET = (None, None, None)
Placed = tuple[Message, Origin]
"""A record, and where it lay."""


def admit_together(
    records: Sequence[Placed], now: float, cancels: Cancels, timeout_s: float, defaults: Defaults, limits: Limits
) -> tuple[list[Job], Sequence[Placed]]:
    """Return the jobs of what goes the short way, and the records that are left."""
    plain = [one for one in records if one[1].content_type == JSON]
    left = [one for one in records if one[1].content_type != JSON]
    requests = receive_together([record.value() for record, _ in plain])
    if requests is None or (cancels and cancels.any_of(request.id for request in requests)):
        return [], records
    since = min(origin.queued_at_ms for _, origin in plain) if limits.queue_s is not None else 0
    if limits.waited_too_long(since, now) is not None:
        return [], records
    wanted = defaultdict[tuple[str, str], list[tuple[Placed, Received]]](list)
    for one, request in zip(plain, requests, strict=True):
        if request.options or (request.timeout_s, request.expires_at, request.seed) != _UNSET:
            left.append(one)
        else:
            wanted[request.agent, request.task].append((one, request))
    jobs = list[Job]()
    for name, asked in wanted.items():
        task = catalogue.TASKS.get(name)
        quick = None if task is None or defaults.get(name) else task.quick
        inputs = None if quick is None else quick.decode_together([request.inputs for _, request in asked])
        if task is None or quick is None or inputs is None:
            left += [one for one, _ in asked]
            continue
        for (one, request), found in zip(asked, inputs, strict=True):
            try:
                plan = quick.plan(found)
            except Exception:  # whatever it is, it is one record's: alone, it is found and told again
                plan = None
            if plan is None:
                left.append(one)
                continue
            record, origin = one
            digest = inputs_hash(*name, found, request.options, None)
            jobs.append(Job(origin, request, task, plan, None, digest, timeout_s, quick=True, record=record))
    return jobs, left
