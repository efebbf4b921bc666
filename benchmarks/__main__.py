"""`python -m benchmarks [NAME …]`: runs the benchmarks and ends with one line of JSON.

Those that need Kafka use `SCI_AGENTS_KAFKA`, or start one in a container as the tests do.
"""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import latency, throughput

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))  # where the container is made


@contextlib.contextmanager
def _kafka() -> Iterator[str]:
    if given := os.environ.get("SCI_AGENTS_KAFKA"):
        yield given
        return
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    os.environ.setdefault("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
    from containers.kafka import KafkaContainer  # noqa: PLC0415 - only where one is needed

    with KafkaContainer() as container:
        yield container.bootstrap


ON_KAFKA: dict[str, Callable[[str], object]] = {"throughput": throughput.measure, "latency": latency.measure}


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(ON_KAFKA)}; all when none is given")
    names = parser.parse_args().names or list(ON_KAFKA)
    found: dict[str, object] = {}
    with _kafka() as bootstrap:
        for name in names:
            print(f"--- {name}: {sys.modules[ON_KAFKA[name].__module__].__doc__}".rstrip(), flush=True)
            found[name] = ON_KAFKA[name](bootstrap)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
