"""How a static member leaves its group, so that another one has its partitions now and not after its session.

No client library does it: to close keeps a static member's place, and the request by which an administrator removes
one (KIP-345, LeaveGroup from version 3 on) is in neither librdkafka nor aiokafka, whose connections it is sent over.
"""

import asyncio

from aiokafka import errors
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int16, Int32, Schema, String
from confluent_kafka.admin import AdminClient


class _Left(Response):  # type: ignore[misc] # the library has no types
    API_KEY = 13
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("members", Array(("member_id", String("utf-8")), ("instance_id", String("utf-8")), ("error_code", Int16))),
    )


class _LeaveStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 13
    API_VERSION = 3
    RESPONSE_TYPE = _Left
    SCHEMA = Schema(
        ("group", String("utf-8")),
        ("members", Array(("member_id", String("utf-8")), ("instance_id", String("utf-8")))),
    )


class _Leave(Request[_LeaveStruct]):  # type: ignore[misc]
    API_KEY = 13

    def __init__(self, group: str, member_id: str, instance_id: str) -> None:
        self._values = (group, [(member_id, instance_id)])

    def build(self, request_struct_class: type[_LeaveStruct]) -> _LeaveStruct:
        return request_struct_class(*self._values)


class LeavingError(Exception):
    """The group has not let a member go."""


def others(bootstrap: str, group: str, instance_id: str, timeout_s: float) -> int:
    """Count the other members of a group; raises `KafkaException`, or `TimeoutError`."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    members = admin.describe_consumer_groups([group], request_timeout=timeout_s)[group].result(timeout_s).members
    return sum(one.group_instance_id != instance_id for one in members)


async def leave(bootstrap: str, group: str, member_id: str, instance_id: str, timeout_s: float) -> None:
    """Leave a group; a member that has the name by now under another id is left alone.

    Raises `LeavingError`.
    """
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    try:
        async with asyncio.timeout(timeout_s):
            await client.bootstrap()
            node = await client.coordinator_lookup(CoordinationType.GROUP, group)
            answer = await client.send(node, _Leave(group, member_id, instance_id), group=ConnectionGroup.COORDINATION)
    except (errors.KafkaError, TimeoutError) as error:
        raise LeavingError(f"the coordinator does not answer: {error!r}") from error
    finally:
        await client.close()
    for code in (answer.error_code, *(code for _, _, code in answer.members)):
        if code:
            raise LeavingError(str(errors.for_code(code)()))
