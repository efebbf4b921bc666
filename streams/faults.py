"""Faults that the stream finds in itself, told as ops events: alerting makes incidents of them."""

import time
import uuid

import msgspec
import structlog

from streams import instants
from streams.admit import Partition
from streams.codec import JSON
from streams.contracts import OpsEvent
from streams.emit import Emitter, Outgoing
from streams.resume import OnLoss, Resumption

_log = structlog.get_logger(__name__)


def loss_teller(emitter: Emitter, topic: str, source: str) -> OnLoss:
    """Return what tells of records that nobody can read any more."""

    def tell(partition: Partition, found: Resumption) -> None:
        event = loss(partition, found, source, time.time())
        value = msgspec.json.encode(event)
        emitter.send([Outgoing(topic, source.encode(), value, [("content-type", JSON)])], _or_complain)

    return tell


def loss(partition: Partition, found: Resumption, source: str, now: float) -> OpsEvent:
    """Describe the loss of records of a partition."""
    return OpsEvent(
        id=uuid.uuid4().hex, time=instants.to_text(now), source=source, kind="fault", what="data_loss",
        value=float(found.lost), unit="records", labels={"topic": partition[0], "partition": str(partition[1])},
        message=f"{found.lost} records of {partition[0]}/{partition[1]}: {found.reason}",
    )  # fmt: skip


def _or_complain(failure: Exception | None) -> None:
    if failure is not None:
        _log.error("fault_not_delivered", error=str(failure))
