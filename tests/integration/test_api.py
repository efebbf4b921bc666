"""The API over real HTTP, before a real worker process, on the embedded broker."""

import json
import socket
import subprocess
import sys
import threading
import time
import uuid

import httpx
import msgspec
import pytest
from confluent_kafka import Producer

from sciagents.broker import EmbeddedBroker
from sciagents.tail import Tail
from streams.contracts import EscalationState, Incident

_TIMEOUT_S = 60.0
_MIB = 1024 * 1024


class Api:
    """`sci-agents api` as a process, and a client for it."""

    def __init__(self, bootstrap, prefix, folder, environment=None):
        self.bootstrap, self.prefix = bootstrap, prefix
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "sciagents", "api", "--kafka", bootstrap, "--embedded", "--listen", "127.0.0.1:0",
                "--topic-prefix", prefix, "--dir", str(folder),
            ],
            stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        self.url = self.process.stdout.readline().strip()
        self.client = httpx.Client(base_url=self.url, timeout=_TIMEOUT_S)

    def until(self, path, fits, timeout_s=_TIMEOUT_S):
        """Ask until the answer fits."""
        deadline = time.monotonic() + timeout_s
        while not fits(found := self.client.get(path)):
            assert time.monotonic() < deadline, found.text
        return found

    def stop(self):
        self.client.close()
        self.process.terminate()
        with self.process.stdout:
            return self.process.wait(_TIMEOUT_S)


@pytest.fixture(scope="module")
def prefix():
    return f"t{uuid.uuid4().hex[:12]}."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def api(embedded_kafka, prefix, folder):
    api = Api(embedded_kafka, prefix, folder)
    api.until("/health/ready", lambda found: found.status_code == 200)
    yield api
    assert api.stop() == 0


@pytest.fixture(scope="module")
def answering(api, folder):
    """The API while a worker runs."""
    with (folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [
                sys.executable, "-m", "sciagents", "worker", "--kafka", api.bootstrap, "--embedded",
                "--topic-prefix", api.prefix, "--dir", str(folder),
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
    yield api
    worker.terminate()
    assert worker.wait(_TIMEOUT_S) == 0


def request(**changes):
    whole = {"agent": "linalg", "task": "solve", "inputs": {"a": [[3, 1], [1, 2]], "b": [9, 8]}}
    return {"id": uuid.uuid4().hex, **whole, **changes}


def produce(api, topic, key, value):
    producer = Producer({"bootstrap.servers": api.bootstrap})
    producer.produce(api.prefix + topic, value, key)
    assert producer.flush(_TIMEOUT_S) == 0


def test_a_request_is_answered_within_its_wait(answering):
    """200 with the result; later the same by its id, and in the list."""
    wanted = request(labels={"team": "fluids"})
    found = answering.client.post("/v1/requests", params={"wait": 60}, json=wanted)
    assert found.status_code == 200, found.text
    result = found.json()
    assert (result["id"], result["status"], result["labels"]) == (wanted["id"], "succeeded", {"team": "fluids"})
    assert result["outputs"]["x"] == pytest.approx([2.0, 3.0], abs=1e-14)
    assert answering.client.get(f"/v1/requests/{wanted['id']}").json() == result
    listed = answering.client.get("/v1/requests", params={"status": "succeeded", "agent": "linalg"}).json()["requests"]
    assert wanted["id"] in [one["id"] for one in listed]


def test_a_request_without_wait_is_accepted_and_then_answered(answering):
    """202 with where to look; there, the result."""
    wanted = request()
    accepted = answering.client.post("/v1/requests", json=wanted)
    assert accepted.status_code == 202
    assert accepted.json()["id"] == wanted["id"]
    found = answering.until(accepted.headers["Location"], lambda found: found.status_code == 200)
    assert found.json()["status"] == "succeeded"


def test_msgpack_in_is_msgpack_out(answering):
    """Arrays as bytes, and the result in the same form."""
    matrix = {"dtype": "<f8", "shape": [1, 1], "data": b"\0\0\0\0\0\0\0@"}
    wanted = request(inputs={"a": matrix, "b": [1]})
    headers = {"content-type": "application/msgpack"}
    found = answering.client.post(
        "/v1/requests", params={"wait": 60}, content=msgspec.msgpack.encode(wanted), headers=headers
    )
    assert found.headers["content-type"] == "application/msgpack"
    assert msgspec.msgpack.decode(found.content)["outputs"]["x"] == [0.5]


def test_a_request_the_stream_rejects_is_a_result_like_any_other(answering):
    """An unknown agent is well-formed: the worker says what is wrong."""
    found = answering.client.post("/v1/requests", params={"wait": 60}, json=request(agent="linag"))
    assert found.status_code == 200
    assert (found.json()["status"], found.json()["error"]["code"]) == ("rejected", "unknown_agent")


def test_a_trace_is_carried_to_the_result(answering):
    """`traceparent` and CloudEvents of the binary mode, from HTTP through Kafka."""
    wanted = request()
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    seen = threading.Event()
    headers = {}

    def look(records):
        for record in records:
            if record.key() == wanted["id"].encode():
                headers.update(record.headers())
                seen.set()

    with Tail(answering.bootstrap, [f"{answering.prefix}compute.results"], look, start="end"):
        answering.client.post("/v1/requests", json=wanted, headers={"traceparent": trace, "ce-source": "/lab"})
        assert seen.wait(_TIMEOUT_S)
    assert (headers["traceparent"], headers["ce_source"]) == (trace.encode(), b"/lab")


def test_events_of_a_request_end_with_its_result(answering):
    """Server-sent events: whoever comes before the answer waits for it, and the stream ends by itself."""
    wanted = request()
    with answering.client.stream("GET", f"/v1/requests/{wanted['id']}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        with httpx.Client(base_url=answering.url, timeout=_TIMEOUT_S) as other:
            other.post("/v1/requests", json=wanted)
        lines = [line for line in stream.iter_lines() if line and not line.startswith(":")]
    assert lines[0] == "event: result"
    assert json.loads(lines[1].removeprefix("data: "))["id"] == wanted["id"]


def test_progress_is_streamed_as_it_comes(api):
    """Progress on the topic is a `progress` event; the request counts as running."""
    request_id = uuid.uuid4().hex
    with api.client.stream("GET", f"/v1/requests/{request_id}/events") as stream:
        progress = {"id": request_id, "fraction": 0.25, "stage": "steps", "at": "2026-11-24T10:00:00Z"}
        produce(api, "compute.progress", request_id, msgspec.json.encode(progress))
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("event")) == "event: progress"
        assert json.loads(next(lines).removeprefix("data: "))["fraction"] == 0.25
    assert api.client.get(f"/v1/requests/{request_id}").json()["status"] == "running"


def test_a_reader_that_goes_leaves_no_stream_behind(api):
    """The server notices, also while nothing comes."""
    open_streams = "sci_agents_api_event_streams 1.0"
    path = f"/v1/requests/{uuid.uuid4().hex}/events"
    with httpx.Client(base_url=api.url, timeout=_TIMEOUT_S) as reader, reader.stream("GET", path):
        api.until("/metrics", lambda found: open_streams in found.text)
    api.until("/metrics", lambda found: "sci_agents_api_event_streams 0.0" in found.text)


MALFORMED = {
    "not JSON": (b"hello", 400, "invalid_message", None),
    "empty": (b"", 400, "invalid_message", None),
    "an unknown key": (json.dumps(request(inputz=1)).encode(), 400, "invalid_message", "inputz"),
    "a wrong type": (json.dumps(request(timeout_s="soon")).encode(), 400, "invalid_message", "timeout_s"),
    "truncated UTF-8": (b'{"id":"\xc3', 400, "invalid_message", None),
    "too deep": (
        b'{"id":"d","agent":"a","task":"t","inputs":{"x":' + b"[" * 200 + b"]" * 200 + b"}}",
        400,
        "invalid_message",
        "inputs",
    ),
    "9 MiB, announced": (b" " * 9 * _MIB, 413, "too_large", None),
    "9 MiB, in chunks": (iter([b" " * _MIB] * 9), 413, "too_large", None),
}


@pytest.mark.parametrize("rule", MALFORMED)
def test_a_malformed_request_is_refused_with_code_field_and_hint(api, rule):
    """As problem details; it never reaches the topic."""
    body, status, code, field = MALFORMED[rule]
    found = api.client.post("/v1/requests", content=body)
    assert found.headers["content-type"] == "application/problem+json"
    problem = found.json()
    assert (found.status_code, problem["status"], problem["code"], problem["field"]) == (status, status, code, field)
    assert problem["hint"]


WRONG = {
    "an unknown request": ("GET", "/v1/requests/nobody", 404, "not_found", "id"),
    "an unknown incident": ("GET", "/v1/incidents/nobody", 404, "not_found", "id"),
    "a command to an unknown incident": ("POST", "/v1/incidents/nobody/commands", 404, "not_found", "id"),
    "a limit of nothing": ("GET", "/v1/requests?limit=0", 400, "invalid_message", "limit"),
    "a status that is none": ("GET", "/v1/requests?status=maybe", 400, "invalid_message", "status"),
    "a cursor of nobody's": ("GET", "/v1/requests?cursor=x", 400, "invalid_message", "cursor"),
    "a wait without an end": ("POST", "/v1/requests?wait=1e9", 400, "invalid_message", "wait"),
    "a wait of no number": ("GET", "/v1/requests/x?wait=nan", 400, "invalid_message", "wait"),
    "an id too long": ("GET", f"/v1/requests/{'x' * 200}", 400, "invalid_message", "id"),
    "no such route": ("GET", "/v1/nothing", 404, "not_found", None),
    "no such method": ("PUT", "/v1/requests", 405, "method_not_allowed", None),
}


@pytest.mark.parametrize("rule", WRONG)
def test_what_cannot_be_answered_is_a_problem(api, rule):
    """With its status and its code, whatever is wrong."""
    method, path, status, code, field = WRONG[rule]
    found = api.client.request(method, path)
    assert found.headers["content-type"] == "application/problem+json"
    assert (found.status_code, found.json()["code"], found.json()["field"]) == (status, code, field)


def test_cancelling_is_told_to_the_workers(api):
    """DELETE sends a control; of an answered request it tells the status instead."""
    request_id = uuid.uuid4().hex
    controls = []
    seen = threading.Event()

    def look(records):
        controls.extend(record.value() for record in records)
        seen.set()

    with Tail(api.bootstrap, [f"{api.prefix}compute.control"], look, start="end"):
        assert api.client.delete(f"/v1/requests/{request_id}").status_code == 202
        assert seen.wait(_TIMEOUT_S)
    assert [json.loads(control) for control in controls] == [{"id": request_id, "action": "cancel"}]


def test_an_answered_request_has_nothing_to_cancel(answering):
    """200, with what became of it."""
    wanted = request()
    answering.client.post("/v1/requests", params={"wait": 60}, json=wanted)
    found = answering.client.delete(f"/v1/requests/{wanted['id']}")
    assert (found.status_code, found.json()["status"]) == (200, "succeeded")


_SLOW = {
    "agent": "ode", "task": "ivp", "options": {"max_steps": 1_000_000_000, "rtol": 1e-10},
    "inputs": {
        "equations": {"x": "y", "y": "-x"}, "initial": {"x": 1, "y": 0}, "t_span": [0, 1e7], "n_points": 2,
    },
}  # fmt: skip


def test_deleting_stops_what_runs_in_the_heavy_lane(answering):
    wanted = request(**_SLOW)
    assert answering.client.post("/v1/requests", json=wanted).status_code == 202
    assert answering.client.delete(f"/v1/requests/{wanted['id']}").status_code == 202
    found = answering.client.get(f"/v1/requests/{wanted['id']}", params={"wait": 60})
    assert (found.status_code, found.json()["status"]) == (200, "cancelled")


def test_deleting_is_heeded_in_the_fast_lane(answering):
    """By a request that comes after it; the two are read from topics of their own, so one of several will do."""
    for _ in range(200):
        wanted = request()
        assert answering.client.delete(f"/v1/requests/{wanted['id']}").status_code == 202
        found = answering.client.post("/v1/requests", params={"wait": 60}, json=wanted).json()
        if found["status"] == "cancelled":
            break
    assert found["error"]["code"] == "cancelled"
    assert found["provenance"]["lane"] == "fast"


def test_pages_follow_each_other_without_gap_or_repeat(answering):
    """The cursor of a page gets the next one, until there is none."""
    wanted = {answering.client.post("/v1/requests", params={"wait": 60}, json=request()).json()["id"] for _ in range(5)}
    seen, cursor = [], None
    while True:
        page = answering.client.get(
            "/v1/requests", params={"limit": 2, **({"cursor": cursor} if cursor else {})}
        ).json()
        seen += [one["id"] for one in page["requests"]]
        if (cursor := page["cursor"]) is None:
            break
    assert len(seen) == len(set(seen))
    assert wanted <= set(seen)


def test_events_are_published_or_refused_together(api):
    """A list goes out whole; with one wrong event, nothing does and the problem says which."""
    good = {"id": "e-1", "time": "2026-11-24T10:00:00Z", "source": "host-1", "kind": "metric", "name": "x", "value": 1}
    values = []
    seen = threading.Event()

    def look(records):
        values.extend(json.loads(record.value()) for record in records)
        if len(values) >= 2:
            seen.set()

    with Tail(api.bootstrap, [f"{api.prefix}ops.events"], look, start="end"):
        refused = api.client.post("/v1/events", json=[good, {**good, "value": None}])
        assert (refused.status_code, refused.json()["field"]) == (400, "[1].value")
        assert api.client.post("/v1/events", json=[good, {**good, "id": "e-2"}]).json() == {"accepted": 2}
        assert seen.wait(_TIMEOUT_S)
    assert [value["id"] for value in values] == ["e-1", "e-2"]


def test_incidents_show_their_latest_version_and_take_commands(api):
    """What is on `ops.incidents` is listed; a command to one is on `ops.commands`, with who and when."""
    incident = Incident(
        id=f"INC-{uuid.uuid4().hex}", group_key="g", title="Error Rate High", severity="P2", status="triggered",
        phase="INVESTIGATING", started_at="2026-11-24T10:00:00Z",
    )  # fmt: skip
    for version, status in ((1, "triggered"), (2, "acknowledged")):
        incident.version, incident.status = version, status
        produce(api, "ops.incidents", incident.id, msgspec.json.encode(incident))
    path = f"/v1/incidents/{incident.id}"
    api.until(path, lambda found: found.status_code == 200 and found.json()["version"] == 2)
    listed = api.client.get("/v1/incidents", params={"status": "acknowledged"}).json()["incidents"]
    assert incident.id in [one["id"] for one in listed]
    commands = []
    seen = threading.Event()

    def look(records):
        commands.extend(json.loads(record.value()) for record in records)
        seen.set()

    with Tail(api.bootstrap, [f"{api.prefix}ops.commands"], look, start="end"):
        found = api.client.post(f"{path}/commands", json={"action": "resolve", "by": "ada", "text": "scaled up"})
        assert found.status_code == 202
        assert seen.wait(_TIMEOUT_S)
    assert commands == [found.json()]
    assert (commands[0]["incident"], commands[0]["by"], commands[0]["text"]) == (incident.id, "ada", "scaled up")
    assert commands[0]["at"]
    wrong = api.client.post(f"{path}/commands", json={"action": "explode", "by": "ada"})
    assert (wrong.status_code, wrong.json()["field"]) == (400, "action")


def test_a_command_finds_an_incident_that_was_opened_a_moment_ago(api):
    """A message may reach people before the topic's record reaches the API."""
    incident = Incident(
        id=f"INC-{uuid.uuid4().hex}", group_key="g", title="Error Rate High", severity="P2", status="triggered",
        phase="INVESTIGATING", started_at="2026-11-24T10:00:00Z",
    )  # fmt: skip
    produce(api, "ops.incidents", incident.id, msgspec.json.encode(incident))
    found = api.client.post(f"/v1/incidents/{incident.id}/commands", json={"action": "acknowledge", "by": "ada"})
    assert found.status_code == 202


def test_the_catalogue_and_the_description_are_served(api):
    """Every route is in the OpenAPI document, with the body of a request; the page of it loads nothing."""
    assert ("linalg", "solve") in [(one["agent"], one["task"]) for one in api.client.get("/v1/agents").json()]
    document = api.client.get("/openapi.json").json()
    body = document["paths"]["/v1/requests"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/Request"}
    assert "inputs" in document["components"]["schemas"]["Request"]["properties"]
    page = api.client.get("/docs").text
    assert "/v1/incidents/{incident_id}/commands" in page
    assert "<script" not in page
    assert "http" not in page.replace(api.url, "")


def test_health_has_every_check_and_metrics_are_prometheus(answering):
    """The whole report names what was looked at; requests are counted by route, not by id."""
    found = answering.until(
        "/health",
        lambda found: {check["name"]: check["verdict"] for check in found.json()["checks"]}["workers"] == "passed",
    )
    verdicts = {check["name"]: check["verdict"] for check in found.json()["checks"]}
    assert set(verdicts) == {"broker", "topics", "workers", "kernels", "disk", "feed", "incidents", "history"}
    assert (verdicts["broker"], verdicts["topics"], verdicts["feed"]) == ("passed", "passed", "passed")
    assert 'path="/v1/requests/{request_id}"' in answering.client.get("/metrics").text


def test_health_is_degraded_while_an_answer_or_an_update_is_overdue(api):
    """By the incidents as they were published, whatever the alerting process thinks; until they are resolved."""
    incident = Incident(
        id="INC-2026-000077", group_key="k", title="Down", severity="P1", status="triggered", phase="INVESTIGATING",
        started_at="2026-01-01T00:00:00Z", next_update_at="2026-01-01T00:15:00Z",
        escalation=EscalationState(step=1, due_at="2026-01-01T00:15:00Z"),
    )  # fmt: skip

    def seen(found):
        return next(check for check in found.json()["checks"] if check["name"] == "incidents")

    produce(api, "ops.incidents", incident.id, msgspec.json.encode(incident))
    late = api.until("/health", lambda found: seen(found)["verdict"] == "degraded")
    page = api.client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "overdue since 2026-01-01 00:15 UTC" in page.text
    assert f"v1/incidents/{incident.id}/postmortem" in page.text
    assert seen(late)["detail"] == (
        "nobody was called when it was time: INC-2026-000077; nobody said how it stands: INC-2026-000077"
    )
    over = msgspec.structs.replace(incident, status="resolved", version=2)
    produce(api, "ops.incidents", incident.id, msgspec.json.encode(over))
    api.until("/health", lambda found: seen(found)["verdict"] == "passed")


FOREIGN = {
    "a rebound name": {"host": "evil.example.com"},
    "a page of another origin": {"origin": "https://evil.example.com"},
}


@pytest.mark.parametrize("rule", FOREIGN)
def test_without_tokens_a_foreign_page_is_kept_out(api, rule):
    """Only this machine is served, and not what a browser sends for somebody else."""
    found = api.client.post("/v1/requests", json=request(), headers=FOREIGN[rule])
    assert (found.status_code, found.json()["code"]) == (403, "forbidden")


def test_tokens_open_what_their_scopes_say(embedded_kafka, topic_prefix, tmp_path):
    """None: 401; a wrong one: 401; without the scope: 403; with it: served. Health needs none."""
    tokens = tmp_path / "tokens"
    tokens.write_text("# who        scopes\nreader-123   read\nwriter-123   submit,read\n")
    api = Api(embedded_kafka, topic_prefix, tmp_path, {"SCI_AGENTS_TOKENS_FILE": str(tokens)})
    try:
        statuses = [
            api.client.get("/v1/requests", headers=headers).status_code
            for headers in ({}, {"authorization": "Bearer wrong-123"}, {"authorization": "Bearer reader-123"})
        ]
        assert statuses == [401, 401, 200]
        for token, status in (("reader-123", 403), ("writer-123", 202)):
            found = api.client.post("/v1/requests", json=request(), headers={"authorization": f"Bearer {token}"})
            assert found.status_code == status
        assert api.client.get("/health/live").status_code == 200
    finally:
        api.stop()


def test_without_tokens_another_address_is_refused(embedded_kafka):
    """The server does not start, and says why in one place."""
    command = [sys.executable, "-m", "sciagents", "api", "--kafka", embedded_kafka, "--listen", "0.0.0.0:0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    assert done.returncode != 0
    assert "SCI_AGENTS_TOKENS" in done.stderr


def test_a_taken_address_is_a_clear_error(embedded_kafka):
    """Another program has the port."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        command = [sys.executable, "-m", "sciagents", "api", "--kafka", embedded_kafka, "--listen", address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    assert done.returncode != 0
    assert f"cannot listen on {address}" in done.stderr


def test_a_dead_broker_shows_in_health_and_hangs_nothing(tmp_path):
    """Unhealthy with 503, submissions are 503 within their bound, and the process still lives."""
    with EmbeddedBroker() as broker:
        api = Api(broker.bootstrap, "", tmp_path)
        api.until("/health/ready", lambda found: found.status_code == 200)
    try:
        found = api.until("/health", lambda found: found.status_code == 503)
        verdicts = {check["name"]: check["verdict"] for check in found.json()["checks"]}
        assert (found.json()["status"], verdicts["broker"]) == ("unhealthy", "failed")
        refused = api.client.post("/v1/requests", json=request())
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert api.client.get("/health/live").status_code == 200
    finally:
        assert api.stop() == 0
