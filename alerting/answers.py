"""Results as the signals see them: a few fields, decoded without the outputs."""

from itertools import islice

import msgspec

from streams.contracts import Status

LABELS_LIMIT = 32
LABEL_LIMIT = 200
"""Signs of a name or a value: labels come from whoever sends requests."""


class Reason(msgspec.Struct):
    """The error of a result."""

    code: str = ""


class Origin(msgspec.Struct):
    """The provenance of a result."""

    worker: str = ""
    lane: str = ""
    cached: bool = False
    run_s: float = 0.0


class Answer(msgspec.Struct):
    """A result without its outputs."""

    id: str
    status: Status
    completed_at: str
    agent: str | None = None
    task: str | None = None
    error: Reason | None = None
    provenance: Origin = msgspec.field(default_factory=Origin)
    labels: dict[str, str] = {}

    def all_labels(self) -> dict[str, str]:
        """Everything that rules can look at: the request's labels, bounded, and what the program knows better."""
        return {
            **{name[:LABEL_LIMIT]: said[:LABEL_LIMIT] for name, said in islice(self.labels.items(), LABELS_LIMIT)},
            "agent": self.agent or "",
            "task": self.task or "",
            "code": self.error.code if self.error else "",
            "status": self.status,
            "worker": self.provenance.worker,
            "lane": self.provenance.lane,
        }


_json = msgspec.json.Decoder(Answer)
_msgpack = msgspec.msgpack.Decoder(Answer)


def decode(value: bytes) -> Answer:
    """Read a result from its topic, JSON or msgpack; raises `ValueError`, of which `msgspec.DecodeError` is one."""
    try:
        # JSON's map begins with a brace, msgpack's never does: no header has to be read
        return _json.decode(value) if value[:1] == b"{" else _msgpack.decode(value)
    except RecursionError:
        raise ValueError("nested too deep") from None
