"""Writes `requests/linear_system_500.json`: 500 equations, well conditioned, whose solution is 1, 2, …, 500."""  # noqa: INP001 - a script of its own

from pathlib import Path

import numpy as np

from sciagents import values

N = 500


def request() -> dict[str, object]:
    """Make the request; the same one every time."""
    a = np.random.default_rng(500).standard_normal((N, N)) / np.sqrt(N) + 3 * np.eye(N)
    return {
        "id": "linear-system-500",
        "agent": "linalg",
        "task": "solve",
        "inputs": {"a": a, "b": a @ np.arange(1.0, N + 1)},
        "labels": {"example": "linear_system_500"},
    }


if __name__ == "__main__":
    path = Path(__file__).parent / "requests/linear_system_500.json"
    path.write_bytes(values.encode(request()) + b"\n")
