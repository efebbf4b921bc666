"""Whether the program works, as data: five checks, each with what was found and what would help.

| check | failed | degraded |
|---|---|---|
| `broker` | it does not answer | – |
| `topics` | one is missing | one differs from its declaration |
| `workers` | a request is not answered in time | – |
| `kernels` | – | one runs as plain Python |
| `disk` | less than 2 % free | less than 10 % free |
| `redis`, `postgres`, where they are configured | – | it does not answer |

Addresses that are named are asked beside them. One failed check makes the whole unhealthy, one degraded check makes
it degraded.
"""

import asyncio
import importlib.util
import shutil
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import httpx
import msgspec
from confluent_kafka import KafkaException, Message

import native
from sciagents import reach
from sciagents.errors import SciAgentsError
from sciagents.tail import Tail
from streams import declare, instants
from streams.contracts import Request
from streams.emit import Emitter, Outgoing
from streams.store.ports import StoreAwayError, UnfitError
from streams.topics import TOPICS, names

Verdict = Literal["passed", "degraded", "failed"]
Status = Literal["healthy", "degraded", "unhealthy"]

EXIT_CODES: dict[Status, int] = {"healthy": 0, "unhealthy": 1, "degraded": 2}
_SIGNS = {"healthy": "✓", "degraded": "!", "unhealthy": "✗", "passed": "✓", "failed": "✗"}
_DISK_LOW, _DISK_FULL = 0.10, 0.02


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    detail: str
    hint: str | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, and what it comes to."""

    status: Status
    checks: list[Check]
    version: str
    at: str


def report(checks: Sequence[Check], now: float) -> Report:
    """Put checks together."""
    verdicts = {check.verdict for check in checks}
    status: Status = "unhealthy" if "failed" in verdicts else "degraded" if "degraded" in verdicts else "healthy"
    return Report(status=status, checks=list(checks), version=version("sci-agents"), at=instants.to_text(now))


def as_text(found: Report) -> str:
    """Write a report for people, the runbook's four lines first."""
    passed = sum(check.verdict == "passed" for check in found.checks)
    lines = [
        f"Status: {found.status.upper()} {_SIGNS[found.status]}",
        f"Total checks: {len(found.checks)}",
        f"Passed: {passed}",
        f"Failed: {len(found.checks) - passed}",
        "",
    ]
    for check in found.checks:
        hint = f" – {check.hint}" if check.hint else ""
        lines.append(f"{_SIGNS[check.verdict]} {check.name}: {check.detail}{hint}")
    return "\n".join(lines)


def examine(
    bootstrap: str,
    prefix: str = "",
    directory: str = ".",
    timeout_s: float = 5.0,
    answering: Callable[[], Check] | None = None,
    urls: Sequence[str] = (),
    redis_url: str = "",
    postgres_url: str = "",
) -> Report:
    """Make all checks; `answering` stands in for `workers` where results are followed anyway, `urls` are asked too.

    The stores are asked where they are configured.
    """
    checks = [broker(bootstrap, timeout_s)]
    if checks[0].verdict == "failed":
        skipped = "the broker does not answer"
        checks += [Check(name=name, verdict="failed", detail=skipped) for name in ("topics", "workers")]
    else:
        checks += [
            topics(bootstrap, prefix),
            answering() if answering else workers(bootstrap, prefix, timeout_s),
        ]
    checks += [kernels(), disk(directory), *(address(url, timeout_s) for url in urls)]
    if redis_url:
        checks.append(redis(redis_url))
    if postgres_url:
        checks.append(postgres(postgres_url))
    return report(checks, time.time())


def broker(bootstrap: str, timeout_s: float = 5.0) -> Check:
    """Ask the broker for its metadata."""
    started = time.monotonic()
    try:
        kind = "embedded" if reach.is_embedded(reach.metadata(bootstrap, timeout_s)) else "Kafka"
    except SciAgentsError as error:
        return Check(name="broker", verdict="failed", detail=error.message, hint=error.hint)
    spent = time.monotonic() - started
    return Check(name="broker", verdict="passed", detail=f"{bootstrap} ({kind}) answers in {spent * 1000:.0f} ms")


def topics(bootstrap: str, prefix: str = "") -> Check:
    """Compare the topics with their declaration; on the embedded broker, which keeps no configuration, their names."""
    try:
        cluster = reach.metadata(bootstrap)
        missing = [name for name in names(prefix).values() if name not in cluster.topics]
        differences = [] if missing or reach.is_embedded(cluster) else declare.drift(bootstrap, prefix)
    except (SciAgentsError, KafkaException) as error:
        return Check(name="topics", verdict="failed", detail=str(error))
    if missing:
        hint = "sci-agents topics create"
        return Check(name="topics", verdict="failed", detail=f"missing: {', '.join(missing)}", hint=hint)
    if differences:
        return Check(name="topics", verdict="degraded", detail="; ".join(differences), hint="sci-agents topics check")
    return Check(name="topics", verdict="passed", detail=f"all {len(TOPICS)} as declared")


def workers(bootstrap: str, prefix: str = "", timeout_s: float = 5.0) -> Check:
    """See whether a request is really answered."""
    try:
        spent = probe(bootstrap, prefix, timeout_s)
    except TimeoutError:
        detail = f"a request was not answered within {timeout_s:g} s"
        return Check(name="workers", verdict="failed", detail=detail, hint="start one: sci-agents worker")
    except KafkaException as error:
        return Check(name="workers", verdict="failed", detail=str(error))
    return Check(name="workers", verdict="passed", detail=f"a request was answered in {spent * 1000:.0f} ms")


def kernels() -> Check:
    """See which kernels are compiled."""
    plain = [name for name in native.kernel_names() if not _compiled(name)]
    if plain:
        detail = f"as plain Python: {', '.join(plain)}"
        return Check(name="kernels", verdict="degraded", detail=detail, hint="python hatch_build.py compiles them")
    return Check(name="kernels", verdict="passed", detail=f"all {len(native.kernel_names())} compiled")


def disk(directory: str) -> Check:
    """See how much room there is where the program writes."""
    folder = Path(directory).absolute()
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return judge_disk(usage.free / usage.total, str(folder))


def judge_disk(free: float, folder: str) -> Check:
    """Judge a share of free space."""
    verdict: Verdict = "failed" if free < _DISK_FULL else "degraded" if free < _DISK_LOW else "passed"
    hint = None if verdict == "passed" else "make room"
    return Check(name="disk", verdict=verdict, detail=f"{free:.0%} free at {folder}", hint=hint)


def redis(url: str, timeout_s: float = 2.0) -> Check:
    """See whether the cache that workers share answers; without it they compute everything."""
    from redis import Redis, RedisError  # noqa: PLC0415 - few have one

    try:
        with Redis.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s) as client:
            client.ping()
    except (RedisError, OSError, ValueError) as error:
        detail, hint = f"it does not answer ({type(error).__name__})", "requests are computed without it meanwhile"
        return Check(name="redis", verdict="degraded", detail=detail, hint=hint)
    return Check(name="redis", verdict="passed", detail="the cache answers")


def postgres(url: str) -> Check:
    """See whether the history's database answers; without it the recorder lags."""
    from streams.store.postgres import PostgresReader  # noqa: PLC0415 - few have one

    async def ask() -> None:
        reader = PostgresReader(url)
        try:
            await reader.ping()
        finally:
            await reader.close()

    try:
        asyncio.run(ask())
    except (StoreAwayError, UnfitError) as error:
        detail, hint = (
            f"it does not answer ({type(error.__cause__).__name__})",
            "nothing is lost: Kafka has the records",
        )
        return Check(name="postgres", verdict="degraded", detail=detail, hint=hint)
    return Check(name="postgres", verdict="passed", detail="the history answers")


def address(url: str, timeout_s: float = 5.0) -> Check:
    """See whether a process of ours answers over HTTP, such as the API's `/health/ready` or alerting's `/metrics`."""
    try:
        answer = httpx.get(url, timeout=timeout_s)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        detail = str(error) or type(error).__name__
        return Check(name=url, verdict="failed", detail=detail, hint="is the process started?")
    verdict: Verdict = "passed" if answer.is_success else "failed"
    return Check(name=url, verdict=verdict, detail=f"answers {answer.status_code}")


def probe(bootstrap: str, prefix: str = "", timeout_s: float = 5.0) -> float:
    """Send a small request through the broker and wait for its result; raises `TimeoutError`, `KafkaException`.

    Returns seconds. The request does not expire: answered late it says nothing, expired it would count as an error.
    """
    request = Request(
        id=f"health-{uuid.uuid4().hex}", agent="linalg", task="solve", inputs={"a": [[2.0]], "b": [1.0]},
        labels={"probe": "health"},
    )  # fmt: skip
    key, answered = request.id.encode(), Future[float]()

    def look(records: list[Message]) -> None:
        if not answered.done() and any(record.key() == key for record in records):
            answered.set_result(time.monotonic())

    topic = names(prefix)
    with Tail(bootstrap, [topic["compute.results"]], look, start="end"):
        emitter = Emitter(bootstrap)
        started = time.monotonic()
        emitter.send([Outgoing(topic["compute.requests"], key, msgspec.json.encode(request), [])], lambda _: None)
        try:
            return answered.result(timeout_s) - started
        finally:
            emitter.close(1.0)


def _compiled(name: str) -> bool:
    found = importlib.util.find_spec(f"native.kernels.{name}")
    return found is not None and (found.origin or "").endswith(tuple(EXTENSION_SUFFIXES))
