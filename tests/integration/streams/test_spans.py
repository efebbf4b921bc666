"""Spans of a request go from its producer through the worker, over OTLP, and its result carries the trace on."""

import contextlib
import json
import threading

import pytest
from listening import listening
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

import sciagents
from sciagents.api.gateway import Gateway
from sciagents.tail import read_all
from streams import declare

INPUTS = {"a": [[3.0, 1.0], [1.0, 2.0]], "b": [9.0, 8.0]}
PRODUCER, CONSUMER = 4, 5


class Collector:
    """Takes what exporters post, as an OpenTelemetry collector does."""

    def __init__(self):
        self.spans = []
        """Pairs of a service's name and a span."""
        self._changed = threading.Condition()
        self._open = contextlib.ExitStack()
        self.address = ""

    def __enter__(self):
        self.address = self._open.enter_context(listening(self._answer))
        return self

    def __exit__(self, *_):
        self._open.close()

    def _answer(self, _path, _headers, body):
        self.take(ExportTraceServiceRequest.FromString(body))
        return 200, {"content-type": "application/x-protobuf"}, ExportTraceServiceResponse().SerializeToString()

    def take(self, request):
        with self._changed:
            for resource in request.resource_spans:
                names = {one.key: one.value.string_value for one in resource.resource.attributes}
                self.spans += [(names["service.name"], span) for scope in resource.scope_spans for span in scope.spans]
            self._changed.notify_all()

    def of(self, service):
        return [span for name, span in self.spans if name == service]

    def wait(self, holds):
        with self._changed:
            assert self._changed.wait_for(lambda: holds(self), 60.0), [span.name for _, span in self.spans]


@pytest.fixture
def collector(monkeypatch):
    with Collector() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.address)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        yield found


def _attributes(span):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def test_a_request_of_the_client_is_one_trace(lane, collector):
    """The worker's span is the child of the client's; the result's header names that trace."""
    lane.start_worker()
    with sciagents.connect(lane.bootstrap, topic_prefix=lane.prefix) as client:
        result = client.submit("linalg", "solve", INPUTS, id="r-1").result(60)
    collector.wait(lambda found: found.of("sci-agents-client") and found.of("sci-agents-worker"))
    [sent], [computed] = collector.of("sci-agents-client"), collector.of("sci-agents-worker")
    assert (sent.kind, computed.kind, computed.name) == (PRODUCER, CONSUMER, "compute linalg.solve")
    assert (computed.trace_id, computed.parent_span_id) == (sent.trace_id, sent.span_id)
    assert sent.start_time_unix_nano <= computed.start_time_unix_nano <= computed.end_time_unix_nano
    told = _attributes(computed)
    assert told["messaging.message.id"] == "r-1"
    assert told["sci_agents.status"] == "succeeded"
    assert told["sci_agents.run_s"] == result.provenance.run_s
    lane.answers.wait(lambda found: "r-1" in found.by_id)
    headers = dict(lane.answers.records[0].headers())
    assert headers["traceparent"].decode().split("-")[1] == computed.trace_id.hex()


def test_who_sends_decides_what_is_traced(lane, collector):
    """No context and one that is not sampled make no span; a failure's span tells its code."""
    lane.start_worker()
    trace = "0af7651916cd43dd8448eb211c80319c"
    bad = json.dumps({"id": "bad", "agent": "linalg", "task": "solve", "inputs": {"a": [[1, 1], [1, 1]], "b": [1, 2]}})
    good = json.dumps({"id": "good", "agent": "linalg", "task": "solve", "inputs": INPUTS})
    lane.publish(good.encode(), headers={"traceparent": f"00-{trace}-b7ad6b7169203331-00".encode()})
    lane.publish(good.replace("good", "bare").encode())
    lane.publish(bad.encode(), headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01".encode()})
    lane.answers.wait(lambda found: {"good", "bare", "bad"} <= set(found.by_id))
    collector.wait(lambda found: found.of("sci-agents-worker"))
    [span] = collector.of("sci-agents-worker")
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (trace, "b7ad6b7169203331")
    assert _attributes(span)["error.type"] == "singular"
    assert span.status.code == 2


async def test_the_api_continues_the_trace_of_its_caller(embedded_kafka, topic_prefix, collector):
    """What it sends carries the context of its own span, in the caller's trace."""
    declare.ensure(embedded_kafka, topic_prefix, embedded=True)
    gateway = Gateway(embedded_kafka, topic_prefix)
    theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await gateway.send("compute.requests", [("r-1", b"{}")], [("x-a", "1"), ("traceparent", theirs)])
    gateway.close()
    [span] = collector.of("sci-agents-api")
    [record] = read_all(embedded_kafka, f"{topic_prefix}compute.requests")
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == tuple(theirs.split("-")[1:3])
    ours = f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01"
    assert dict(record.headers()) == {"x-a": b"1", "traceparent": ours.encode()}
