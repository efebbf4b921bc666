"""`sci-agents replay`: what was kept goes back unchanged, and each once, however often it is called."""

import json
import sys

import msgspec
import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner

from sciagents import cli
from sciagents.tail import read_all
from streams import declare

_T0 = 1_790_000_000_000


def _request(name):
    return msgspec.json.encode({"id": name, "agent": "linalg", "task": "solve", "inputs": {"a": [[2]], "b": [1]}})


class Topics:
    """Topics of a test, with dead letters as a worker writes them."""

    def __init__(self, broker, prefix):
        self.bootstrap, self.prefix = broker.bootstrap, prefix
        self._producer = Producer({"bootstrap.servers": broker.bootstrap})

    def put(self, topic, key, value, headers=(), at_ms=_T0):
        self._producer.produce(self.prefix + topic, value, key, headers=list(headers), timestamp=at_ms, partition=0)
        assert self._producer.flush(30) == 0

    def letter(self, name, code, *, offset, at_ms=_T0, value=None, topic=None):
        headers = [
            ("x-team", b"fluids"), ("error-code", code), ("error-message", "why"), ("source-partition", "0"),
            ("source-topic", topic or f"{self.prefix}compute.requests"), ("source-offset", str(offset)),
        ]  # fmt: skip
        self.put("compute.dlq", b"own", _request(name) if value is None else value, headers, at_ms)

    def requests(self):
        return list(read_all(self.bootstrap, f"{self.prefix}compute.requests"))

    def replay(self, *arguments):
        """The exit code, and what was printed."""
        common = ["--kafka", self.bootstrap, "--topic-prefix", self.prefix]
        done = CliRunner().invoke(cli.app, ["replay", *arguments, *common])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            return done.exception, done.stdout
        return done.exit_code, done.stdout


@pytest.fixture
def topics(broker, topic_prefix):
    declare.ensure(broker.bootstrap, topic_prefix, embedded=broker.embedded)
    return Topics(broker, topic_prefix)


def test_dead_letters_go_back_unchanged_and_once(topics):
    """Key, bytes and the headers of whoever sent it; what says why it was dead is left out."""
    topics.letter("a", "worker_crashed", offset=1)
    topics.letter("", "invalid_message", offset=2, value=b"\xff\x00")
    topics.letter("a", "worker_crashed", offset=1)  # written twice: a worker ended in between
    code, said = topics.replay("--from", "dlq")
    assert (code, said.splitlines()[-1]) == (0, "2 sent, 1 sent before")
    first, second = topics.requests()
    assert (first.key(), first.value()) == (b"own", _request("a"))
    assert dict(first.headers()) == {
        "x-team": b"fluids", "replayed-from": f"{topics.prefix}compute.requests/0/1".encode(),
    }  # fmt: skip
    assert second.value() == b"\xff\x00"
    assert topics.replay("--from", "dlq")[1].splitlines()[-1] == "3 sent before"
    assert len(topics.requests()) == 2
    assert topics.replay("--from", "dlq", "--again", "--id", "a")[1].splitlines()[-1] == "1 sent, 1 sent before"
    assert len(topics.requests()) == 3


def test_a_dry_run_says_what_would_be_sent_as_json(topics):
    topics.letter("a", "worker_crashed", offset=1)
    code, said = topics.replay("--from", "dlq", "--dry-run", "--json")
    place = f"{topics.prefix}compute.requests/0/1"
    assert code == 0
    assert json.loads(said) == {"place": place, "id": "a", "code": "worker_crashed", "action": "would be sent"}
    assert topics.requests() == []


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        (["--code", "worker_crashed"], ["a", "c"]),
        (["--code", "worker_crashed", "--code", "invalid_message"], ["a", "b", "c"]),
        (["--id", "b"], ["b"]),
        (["--since", "2026-09-21T14:13:30Z"], ["b", "c"]),
        (["--until", "2026-09-21T14:13:30Z"], ["a"]),
        (["--id", "b", "--code", "worker_crashed"], []),
    ],
)
def test_what_is_chosen(topics, arguments, chosen):
    """By code, id and time (the letter's), all of which have to hold."""
    topics.letter("a", "worker_crashed", offset=1, at_ms=_T0)
    topics.letter("b", "invalid_message", offset=2, at_ms=_T0 + 60_000)
    topics.letter("c", "worker_crashed", offset=3, at_ms=_T0 + 120_000)
    _, said = topics.replay("--from", "dlq", "--dry-run", "--json", *arguments)
    assert [json.loads(line)["id"] for line in said.splitlines()] == chosen


def test_a_letter_from_elsewhere_is_sent_nowhere(topics):
    """Whoever writes a dead letter does not choose where this program writes."""
    topics.letter("a", "worker_crashed", offset=1, topic="ops.commands")
    assert "1 not ours" in topics.replay("--from", "dlq")[1]
    assert topics.requests() == []


def test_requests_are_chosen_by_the_code_of_their_last_result(topics):
    for name in ("late", "late-then-well", "well"):
        topics.put("compute.requests", None, _request(name))
    error = {"error": {"code": "timed_out", "message": ""}}
    for name, result in (("late", error), ("late-then-well", error), ("late-then-well", {"error": None})):
        topics.put("compute.results", name.encode(), msgspec.json.encode({"id": name, **result}))
    for _ in range(2):
        assert topics.replay("--from", "requests", "--code", "timed_out")[0] == 0
    found = sorted(record.value() for record in topics.requests())
    assert found == sorted(_request(name) for name in ("late", "late", "late-then-well", "well"))


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--from", "requests"], "--since"),
        (["--from", "dlq", "--code", "worker_crash"], "worker_crashed"),
        (["--from", "dlq", "--since", "yesterday"], "RFC 3339"),
    ],
)
def test_wrong_usage_says_what_would_do(topics, arguments, hint, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sci-agents", "replay", *arguments, "--kafka", topics.bootstrap])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert hint in capsys.readouterr().err
