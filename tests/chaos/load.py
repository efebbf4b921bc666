"""What is sent in a round: requests of all kinds, drawn from a seed, each with what it may be answered with."""

import random
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from chaos.verifier import MSGPACK, Sent

_KEYS = 16
_SUCCEEDED = frozenset({"succeeded"})
_FAILED = frozenset({"failed"})
_REJECTED = frozenset({"rejected"})
_SOON_S = 6.0


class Item(NamedTuple):
    """A record to send, at a fraction of the round's time; `sent` is None for what is no request."""

    at: float
    topic: str
    key: bytes | None
    value: bytes
    sent: Sent | None
    headers: tuple[tuple[str, str], ...] = ()
    over_http: bool = False


def draw(seed: int, count: int, now: datetime) -> list[Item]:
    """Draw about `count` requests in the order of their times; `now` is when the round begins."""
    chance = random.Random(f"load {seed}")
    items: list[Item] = []
    kinds, weights = zip(*_KINDS.items(), strict=True)
    for number, kind in enumerate(chance.choices(kinds, weights, k=count)):
        items += kind(chance, f"{seed}-{number}", chance.random(), now)
    return sorted(items, key=lambda item: item.at)


def probe(seed: int) -> Item:
    """Return a request that is answered as soon as there is a worker."""
    return _request(f"{seed}-first", 0.0, "linalg", "solve", {"a": [[2, 1], [1, 3]], "b": [3, 5]})


def _request(
    name: str, at: float, agent: str, task: str, inputs: dict[str, Any], statuses: frozenset[str] = _SUCCEEDED,
    key: str | None = None, order: str | None = None, packed: bool = False, **more: object,
) -> Item:  # fmt: skip
    encode = msgspec.msgpack.encode if packed else msgspec.json.encode
    value = encode({"id": name, "agent": agent, "task": task, "inputs": inputs, **more})
    where = (key or name).encode()
    headers = (("content-type", MSGPACK),) if packed else ()
    return Item(at, "compute.requests", where, value, Sent(name, where, value, statuses, order), headers)


def _solve(chance: random.Random, name: str, at: float, now: datetime) -> Iterator[Item]:
    """Two equations, keyed by a tenant: what is promised to be answered in order."""
    a, b, c, d, e, f = (chance.uniform(-1, 1) for _ in range(6))
    tenant = f"tenant-{chance.randrange(_KEYS)}"
    yield _request(name, at, "linalg", "solve", {"a": [[3 + a, b], [c, 3 + d]], "b": [e, f]}, key=tenant, order=tenant)


def _quad(chance: random.Random, name: str, at: float, now: datetime) -> Iterator[Item]:
    integrand = f"exp(-{chance.uniform(0.5, 2):.6f}*x**2)"
    yield _request(name, at, "integrate", "quad", {"integrand": integrand, "variable": "x", "bounds": [0, 1]})


def _ivp(chance: random.Random, name: str, at: float, now: datetime) -> Iterator[Item]:
    inputs = {
        "equations": {"x": "v", "v": "-k*x"}, "parameters": {"k": chance.uniform(0.5, 2)},
        "initial": {"x": 1, "v": 0}, "t_span": [0, 5], "n_points": 6,
    }  # fmt: skip
    yield _request(name, at, "ode", "ivp", inputs)


def _special(chance: random.Random, name: str, at: float, now: datetime) -> Iterator[Item]:
    """Sent over HTTP."""
    inputs = {"function": "gamma", "arguments": [chance.uniform(1, 5)]}
    yield _request(name, at, "special", "evaluate", inputs)._replace(over_http=True)


def _packed(chance: random.Random, name: str, at: float, now: datetime) -> Iterator[Item]:
    """In msgpack, and to be answered so; an array as bytes."""
    b = {"dtype": "<f8", "shape": [2], "data": struct.pack("<2d", chance.random(), 1.0)}
    yield _request(name, at, "linalg", "solve", {"a": [[2, 1], [1, 3]], "b": b}, packed=True)


def _hurried(chance: random.Random, name: str, at: float, now: datetime) -> Iterator[Item]:
    """Of high or low priority, keyed by a tenant: those of one tenant and one priority are answered in order."""
    priority, tenant = chance.choice(["high", "low"]), f"tenant-{chance.randrange(_KEYS)}"
    inputs = {"a": [[3, 1], [1, 2]], "b": [chance.random(), 1]}
    order = f"{tenant} {priority}"
    yield _request(name, at, "linalg", "solve", inputs, key=tenant, order=order, priority=priority)


def _sampled(chance: random.Random, name: str, at: float, now: datetime) -> Iterator[Item]:
    """Drawn at random with the seed that follows from the id: a repeat has to draw the same."""
    inputs = {"integrand": "x*y", "bounds": {"x": [0, 1], "y": [0, 2]}, "n_samples": 2000, "sampler": "random"}
    yield _request(name, at, "integrate", "monte_carlo", inputs)


def _heavy_inputs(chance: random.Random) -> dict[str, Any]:
    integrand = f"sin({chance.uniform(1, 3):.6f}*x)*exp(-y*y)*lgamma(1 + x)*erf(y)*gamma(2 + x*y)"
    return {"integrand": integrand, "bounds": {"x": [0, 1], "y": [0, 1]}, "n_samples": 10_000_000}


def _heavy(chance: random.Random, name: str, at: float, now: datetime) -> Iterator[Item]:
    yield _request(name, at, "integrate", "monte_carlo", _heavy_inputs(chance))


def _too_long(chance: random.Random, name: str, at: float, now: datetime) -> Iterator[Item]:
    """Allowed far less time than it needs."""
    yield _request(name, at, "integrate", "monte_carlo", _heavy_inputs(chance), _FAILED, timeout_s=0.05)


def _cancelled(chance: random.Random, name: str, at: float, now: datetime) -> Iterator[Item]:
    """Heavy or small, and a moment later a word that it is not wanted any more, which may come too late."""
    statuses = frozenset({"succeeded", "cancelled"})
    if chance.random() < 0.3:
        yield _request(name, at, "integrate", "monte_carlo", _heavy_inputs(chance), statuses)
    else:
        yield _request(name, at, "linalg", "solve", {"a": [[2, 1], [1, 3]], "b": [1, chance.random()]}, statuses)
    value = msgspec.json.encode({"id": name, "action": "cancel"})
    yield Item(min(1.0, at + chance.uniform(0, 0.05)), "compute.control", name.encode(), value, None)


def _expiring(chance: random.Random, name: str, at: float, now: datetime) -> Iterator[Item]:
    """To be answered soon, or not at all."""
    expires = (now + timedelta(seconds=chance.uniform(0, 4 * _SOON_S))).astimezone(UTC).isoformat()
    statuses = frozenset({"succeeded", "expired"})
    inputs = {"a": [[2, 1], [1, 3]], "b": [1, chance.random()]}
    yield _request(name, at, "linalg", "solve", inputs, statuses, expires_at=expires)


def _resent(chance: random.Random, name: str, at: float, now: datetime) -> Iterator[Item]:
    """The same request twice, as a client does that heard nothing."""
    (item,) = _quad(chance, name, at, now)
    yield item
    yield item._replace(at=min(1.0, at + chance.uniform(0, 0.2)))


def _singular(chance: random.Random, name: str, at: float, now: datetime) -> Iterator[Item]:
    factor = chance.randrange(2, 100)
    inputs = {"a": [[1, 2], [factor, 2 * factor]], "b": [1, 2]}
    yield _request(name, at, "linalg", "solve", inputs, _FAILED)


def _rejected(chance: random.Random, name: str, at: float, now: datetime) -> Iterator[Item]:
    wrong: list[tuple[str, str, dict[str, Any]]] = [
        ("linalgg", "solve", {"a": [[1]], "b": [1]}),
        ("linalg", "solv", {"a": [[1]], "b": [1]}),
        ("linalg", "solve", {"a": [[1, 2]], "b": [1]}),
        ("integrate", "quad", {"integrand": "__import__('os')", "variable": "x", "bounds": [0, 1]}),
        ("ode", "ivp", {"equations": {"x": "-x"}, "initial": {"y": 1}, "t_span": [0, 1]}),
    ]
    agent, task, inputs = chance.choice(wrong)
    yield _request(name, at, agent, task, inputs, _REJECTED)


def _poison(chance: random.Random, name: str, at: float, now: datetime) -> Iterator[Item]:
    """Bytes without an id that can be read, each different."""
    value = (
        chance.choice([b"\xff\xfe%s", b'{"id": "%s', b"[%s", b"not json %s", b'{"agent": "linalg %s"}']) % name.encode()
    )
    value += chance.randbytes(8).hex().encode()
    key = f"poison-{name}".encode()
    yield Item(at, "compute.requests", key, value, Sent(None, key, value, frozenset()))


def _workflow(chance: random.Random, name: str, at: float, now: datetime) -> Iterator[Item]:
    """Three steps, the third fed by both others; in some, one of them fails."""
    fails = chance.random() < 0.2
    b = [chance.random(), 1.0]
    steps = [
        {"id": "x", "agent": "linalg", "task": "solve", "inputs": {"a": [[3, 1], [1, 2]], "b": b}},
        {"id": "k", "agent": "integrate", "task": "quad",
         "inputs": {"integrand": "x**2", "variable": "x", "bounds": [0, 1 + chance.random()]}},
        {"id": "y", "agent": "linalg", "task": "solve",
         "inputs": {"a": [[1, 1], [2, 2]] if fails else [[2, 1], [1, 3]], "b": {"$from": "x.outputs.x"}},
         "depends_on": ["k"]},
    ]  # fmt: skip
    yield _request(name, at, "workflow", "run", {"steps": steps}, _FAILED if fails else _SUCCEEDED)


def _foreach(chance: random.Random, name: str, at: float, now: datetime) -> Iterator[Item]:
    """A step for each of a few items, and one that takes what all of them gave."""
    bounds = [{"high": chance.uniform(1, 2)} for _ in range(chance.randrange(2, 6))]
    steps = [
        {"id": "each", "agent": "integrate", "task": "quad", "foreach": bounds,
         "inputs": {"integrand": "x**2", "variable": "x", "bounds": [0, {"$item": "high"}]}},
        {"id": "all", "agent": "special", "task": "evaluate",
         "inputs": {"function": "gamma", "arguments": [{"$from": "each.outputs.items[*].value"}]}},
    ]  # fmt: skip
    yield _request(name, at, "workflow", "run", {"steps": steps})


def _divided(chance: random.Random, name: str, at: float, now: datetime) -> Iterator[Item]:
    """An ensemble too large for one lane: its shards go to all workers."""
    uniform = {"distribution": "uniform", "scale": 2}
    inputs = {
        "equations": {"x": "10*(y - x)", "y": "x*(r - z) - y", "z": "x*y - 8*z/3"}, "initial": {"z": 20},
        "samples": {"r": {"distribution": "norm", "loc": 28}, "x": uniform, "y": uniform}, "n_members": 600_000,
        "t_span": [0, 0.5], "t_eval": [0.5], "output": "statistics",
    }  # fmt: skip
    yield _request(name, at, "ode", "ensemble", inputs, options={"rtol": 1e-3})


_Kind = Callable[[random.Random, str, float, datetime], Iterator[Item]]
_KINDS: dict[_Kind, float] = {
    _solve: 52, _hurried: 6, _packed: 2, _quad: 10, _ivp: 6, _special: 3, _sampled: 3, _resent: 3, _singular: 3,
    _rejected: 4, _poison: 2, _expiring: 3, _cancelled: 1, _workflow: 1, _foreach: 0.3, _heavy: 0.3, _too_long: 0.1,
    _divided: 0.03,
}  # fmt: skip
"""Kinds of requests by how often they are drawn, about percents: seconds of work are rare."""
