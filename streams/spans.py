"""OpenTelemetry spans across producer, worker and result, when `OTEL_EXPORTER_OTLP_ENDPOINT` is set; else nothing.

A producer puts `traceparent` (W3C Trace Context) on its request; the worker's span continues that trace, and the result
carries the header on. A request without it is not traced, so whoever sends decides what is sampled. Spans are made from
confirmed results in a thread of its own, behind a bounded queue: on the hot path a traced result costs a look at its
headers and a place in the queue, and what finds no place is counted and left out.
"""

import contextlib
import importlib.util
import os
import queue
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from streams import instants
from streams.codec import JSON, MSGPACK
from streams.emit import Headers, Outgoing

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_log = structlog.get_logger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_WAITING = 2_000
"""Most results that wait to become spans, and so the most spans of a second or so."""
_CLOSE_S = 2.0
_NS = 1_000_000_000


_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-(?P<flags>[0-9a-f]{2}).*")


class _Error(msgspec.Struct):
    code: str = ""


class _Provenance(msgspec.Struct, frozen=True):
    lane: str = ""
    batch: int = 0
    kernel: str | None = None
    queued_s: float = 0.0
    run_s: float = 0.0
    attempt: int = 1
    cached: bool = False


class _Answer(msgspec.Struct):
    """What a span tells of a result."""

    id: str
    status: str
    completed_at: str
    agent: str | None = None
    task: str | None = None
    error: _Error | None = None
    provenance: _Provenance = _Provenance()


_decode = {JSON: msgspec.json.Decoder(_Answer).decode, MSGPACK: msgspec.msgpack.Decoder(_Answer).decode}


class Spans:
    """Makes spans and has them exported; `dropped` is called for each that finds no place."""

    def __init__(self, service: str, provider: "TracerProvider", dropped: Callable[[], None]) -> None:
        self._dropped = dropped
        self._provider = provider
        self._tracer = provider.get_tracer(service)
        self._answers: queue.Queue[tuple[Outgoing, int] | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self._thread.start()

    def answered(self, messages: Sequence[Outgoing], results: str) -> None:
        """Take note of results that the broker has confirmed: of those in traces that are sampled, spans are made."""
        for message in messages:
            if len(message.headers) > 1 and message.topic == results and sampled(traceparent(message.headers)):
                try:
                    self._answers.put_nowait((message, time.time_ns()))
                except queue.Full:
                    self._dropped()

    def publish(self, topic: str, headers: Headers) -> tuple[Headers, Callable[[], None]]:
        """Begin a producer's span, in the trace of its headers or of what runs now.

        Returns the headers to send, with the span's context in the place of the trace's, and what ends the span.
        """
        from opentelemetry import propagate, trace  # noqa: PLC0415 - only here is it sure to be installed

        given = {name.lower(): _text(value) for name, value in headers}
        context = propagate.extract(given) if "traceparent" in given else None
        attributes = {
            "messaging.system": "kafka",
            "messaging.operation.type": "send",
            "messaging.destination.name": topic,
        }
        span = self._tracer.start_span(f"send {topic}", context, kind=trace.SpanKind.PRODUCER, attributes=attributes)
        ours: dict[str, str] = {}
        propagate.inject(ours, trace.set_span_in_context(span, context))
        return [*(header for header in headers if header[0].lower() not in ours), *ours.items()], span.end

    def close(self) -> None:
        """Export what waits."""
        with contextlib.suppress(queue.Full):
            self._answers.put(None, timeout=_CLOSE_S)
        self._thread.join(_CLOSE_S)
        self._provider.shutdown()

    def _run(self) -> None:
        while (found := self._answers.get()) is not None:
            try:
                self._span(*found)
            except Exception as error:  # a span is never worth the process
                _log.warning("span_lost", error=str(error))

    def _span(self, message: Outgoing, end_ns: int) -> None:
        from opentelemetry import propagate, trace  # noqa: PLC0415 - as above

        headers = {name.lower(): _text(value) for name, value in message.headers}
        answer = _decode[headers.get("content-type", JSON)](message.value or b"")
        made = answer.provenance
        start_ns = int((instants.from_text(answer.completed_at) - made.run_s) * _NS)
        attributes: dict[str, Any] = {
            "messaging.system": "kafka", "messaging.operation.type": "process", "messaging.message.id": answer.id,
            "messaging.destination.name": message.topic, "sci_agents.status": answer.status,
            "sci_agents.lane": made.lane, "sci_agents.batch": made.batch, "sci_agents.queued_s": made.queued_s,
            "sci_agents.run_s": made.run_s, "sci_agents.attempt": made.attempt, "sci_agents.cached": made.cached,
        }  # fmt: skip
        if made.kernel is not None:
            attributes["sci_agents.kernel"] = made.kernel
        if answer.error is not None:
            attributes["error.type"] = answer.error.code
        span = self._tracer.start_span(
            f"compute {answer.agent}.{answer.task}", propagate.extract(headers), kind=trace.SpanKind.CONSUMER,
            attributes=attributes, start_time=start_ns,
        )  # fmt: skip
        if answer.error is not None:
            span.set_status(trace.Status(trace.StatusCode.ERROR, answer.error.code))
        span.end(max(end_ns, start_ns))


def from_environment(
    service: str, dropped: Callable[[], None] = lambda: None, environ: Mapping[str, str] = os.environ
) -> Spans | None:
    """Make spans where an exporter is configured, by OpenTelemetry's own variables; else None."""
    if not any(environ.get(name) for name in ENDPOINTS) or environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    if importlib.util.find_spec("opentelemetry") is None or importlib.util.find_spec("opentelemetry.sdk") is None:
        _log.warning("no_spans", reason="OpenTelemetry is not installed", hint="pip install sci-agents[telemetry]")
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - optional
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    name = environ.get("OTEL_SERVICE_NAME") or service
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))  # its own queue is bounded, too
    return Spans(service, provider, dropped)


def traceparent(headers: Headers) -> str:
    """Return the trace context of a record; empty when it has none."""
    return next((_text(value) for name, value in headers if name.lower() == "traceparent"), "")


def sampled(text: str) -> bool:
    """Whether a trace context is one, and says that its trace is recorded (W3C Trace Context, version 00)."""
    found = _TRACEPARENT.fullmatch(text)
    return found is not None and bool(int(found["flags"], 16) & 1)


def _text(value: str | bytes | None) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value or ""
