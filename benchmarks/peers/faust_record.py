"""Faust as its manual uses it: an agent over a topic of records, whose results go to a sink."""

import sys

import faust

from benchmarks.peers.work import solve


class Inputs(faust.Record):
    """A system of equations."""

    a: list[list[float]]
    b: list[float]


class Request(faust.Record):
    """A request of the contract."""

    id: str
    agent: str
    task: str
    inputs: Inputs


class Result(faust.Record, include_metadata=False):
    """A result of the contract."""

    id: str
    agent: str
    task: str
    status: str
    outputs: dict
    error: dict | None
    warnings: list
    diagnostics: dict
    provenance: dict
    labels: dict
    completed_at: str


def main(bootstrap: str, prefix: str) -> None:
    """Run until killed."""
    app = faust.App(
        f"{prefix}faust", broker=f"kafka://{bootstrap}", web_enabled=False, topic_disable_leader=True,
        consumer_auto_offset_reset="earliest", datadir=f"/tmp/{prefix}faust",
    )  # fmt: skip
    requests = app.topic(f"{prefix}compute.requests", value_type=Request)
    results = app.topic(f"{prefix}compute.results", value_type=Result)

    async def publish(result: Result) -> None:
        await results.send(key=result.id, value=result)  # a compacted topic takes no value without a key

    @app.agent(requests, sink=[publish])
    async def compute(stream: faust.StreamT) -> None:
        async for request in stream:
            yield Result(**solve([(request.id, request.inputs.a, request.inputs.b)])[0])

    faust.Worker(app, loglevel="WARNING", quiet=True).execute_from_commandline()


if __name__ == "__main__":
    main(*sys.argv[1:])
