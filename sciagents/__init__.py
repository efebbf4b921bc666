"""The front door: what people touch, and the one stable interface of the package.

`connect` gives a client; what it raises is a `SciAgentsError`. Names are imported when they are first used: Kafka's
client and NumPy are not to slow down who only wants the version.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agents.outcome import Diagnostics as Diagnostics
    from alerting.documents import ConfigError as ConfigError
    from sciagents.client import Client as Client
    from sciagents.client import ResultFuture as ResultFuture
    from sciagents.client import connect as connect
    from sciagents.errors import BrokerError as BrokerError
    from sciagents.errors import ComputeError as ComputeError
    from sciagents.errors import NoAnswerError as NoAnswerError
    from sciagents.errors import NotFoundError as NotFoundError
    from sciagents.errors import SciAgentsError as SciAgentsError
    from sciagents.errors import UsageError as UsageError
    from streams.contracts import Progress as Progress
    from streams.contracts import Provenance as Provenance
    from streams.contracts import Result as Result

    __version__: str

_HOMES = {
    "BrokerError": "sciagents.errors",
    "Client": "sciagents.client",
    "ComputeError": "sciagents.errors",
    "ConfigError": "alerting.documents",
    "Diagnostics": "agents.outcome",
    "NoAnswerError": "sciagents.errors",
    "NotFoundError": "sciagents.errors",
    "Progress": "streams.contracts",
    "Provenance": "streams.contracts",
    "Result": "streams.contracts",
    "ResultFuture": "sciagents.client",
    "SciAgentsError": "sciagents.errors",
    "UsageError": "sciagents.errors",
    "connect": "sciagents.client",
}

__all__ = [*_HOMES, "__version__"]  # noqa: PLE0604 - strings, all of them


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("sci-agents")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
