"""`python -m benchmarks [NAME …]`: runs the benchmarks and ends with one line of JSON.

Those that need Kafka use `SCI_AGENTS_KAFKA`, or start one in a container as the tests do.
"""

import argparse
import contextlib
import importlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import (
    alerting,
    blocking,
    cache,
    ensemble,
    formula,
    fuzz,
    latency,
    pressure,
    priority,
    restart,
    rolling,
    roofline,
    sharding,
    small,
    soak,
    stencils,
    stopping,
    throughput,
)

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))  # where the container is made


KAFKA = ("SCI_AGENTS_KAFKA", "containers.kafka", "KafkaContainer", "bootstrap")
REDIS = ("SCI_AGENTS_REDIS_URL", "containers.stores", "RedisContainer", "url")


@contextlib.contextmanager
def _service(variable: str, module: str, kind: str, address: str) -> Iterator[str]:
    """Give the address in a variable, or else that of a container of the tests."""
    if given := os.environ.get(variable):
        yield given
        return
    with getattr(importlib.import_module(module), kind)() as container:  # imported only where one is needed
        yield getattr(container, address)


ON_REDIS: dict[str, Callable[[str], object]] = {"cache": cache.measure}
ON_KAFKA: dict[str, Callable[..., object]] = {
    "alerting": alerting.measure,
    "throughput": throughput.measure, "latency": latency.measure, "cancel": stopping.cancel,
    "deadline": stopping.deadline, "pressure": pressure.measure, "priority": priority.measure,
    "restart": restart.measure,
    "rolling": rolling.measure, "sharding": sharding.measure, "soak": soak.measure,
}  # fmt: skip
ALONE: dict[str, Callable[..., object]] = {
    "blocking": blocking.measure, "ensemble": ensemble.measure,
    "formula": formula.measure, "fuzz": fuzz.measure, "roofline": roofline.measure,
    "small": small.measure, "stencils": stencils.measure,
}  # fmt: skip


def main() -> None:
    """Run what was asked for."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is removed then too
    names = [*ALONE, *ON_REDIS, *ON_KAFKA]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(names)}; all when none is given")
    parser.add_argument("--inputs", type=int, help="how many formulas fuzz tries")
    parser.add_argument("--requests", type=int, help="how many requests soak waits for")
    parser.add_argument("--members", type=int, help="how many members sharding's ensemble has")
    given = parser.parse_args()
    asked = given.names or names
    if unknown := set(asked) - set(names):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    found: dict[str, object] = {}
    for name in asked:
        if name in ALONE:
            _announce(name, ALONE[name])
            found[name] = ALONE[name](given.inputs) if name == "fuzz" and given.inputs else ALONE[name]()
    if set(asked) & set(ON_REDIS):
        with _service(*REDIS) as url:
            for name in asked:
                if name in ON_REDIS:
                    _announce(name, ON_REDIS[name])
                    found[name] = ON_REDIS[name](url)
    if set(asked) & set(ON_KAFKA):
        with _service(*KAFKA) as bootstrap:
            for name in asked:
                if name in ON_KAFKA:
                    _announce(name, ON_KAFKA[name])
                    sizes = {"soak": given.requests, "sharding": given.members}
                    size = sizes.get(name)
                    found[name] = ON_KAFKA[name](bootstrap, size) if size else ON_KAFKA[name](bootstrap)
    print(json.dumps(found))


def _announce(name: str, measure: Callable[..., object]) -> None:
    about = sys.modules[measure.__module__].__doc__ or ""
    print(f"--- {name}: {about.partition(chr(10))[0]}", flush=True)


if __name__ == "__main__":
    main()
