"""Bytes to requests and results to bytes: JSON and msgpack, bounded, and never raising but `Refusal`."""

import base64
import json
import math
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from hashlib import sha256
from typing import Any, cast

import msgspec
import numpy as np

from agents.outcome import Problem
from streams import instants
from streams.contracts import Request, Result
from streams.topics import MESSAGE_LIMIT

JSON = "application/json"
MSGPACK = "application/msgpack"
DEPTH_LIMIT = 64
ID_LIMIT = 128
INLINE_LIMIT = 10_000
TIMEOUT_LIMIT_S = 3600.0

Received = Request[msgspec.Raw]
"""A request whose inputs are not decoded yet."""

_FIELDS = Request.__struct_fields__
_json_request = msgspec.json.Decoder(Received)
_pack_request = msgspec.msgpack.Decoder(Received)
_json_inputs = msgspec.json.Decoder(dict[str, Any])
_pack_inputs = msgspec.msgpack.Decoder(dict[str, Any])
_json_encoder = msgspec.json.Encoder()
_pack_encoder = msgspec.msgpack.Encoder()
_canonical = msgspec.json.Encoder(order="deterministic", enc_hook=repr)

_FORCED = {"list": 1 << 62, "base64": -1}

_EXPECTED = {
    "id": 'a text of 1 to 128 printable characters, such as "run-42"',
    "priority": "high, normal or low",
    "timeout_s": f"a number of seconds above 0, at most {TIMEOUT_LIMIT_S:g}",
    "expires_at": "RFC 3339 with its offset, such as 2026-12-01T00:00:00Z",
    "seed": "an integer from 0 to 2**63 - 1",
    "cache": "true or false",
    "labels": "an object of texts",
    "options": "an object; see GET /v1/agents for the task's options",
}
"""What a field of a request takes."""

_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_STRING = re.compile(rb'"[^"]*"?')
"""Of JSON without escapes; one without its end goes on to the last character: it is not looked for from each quote."""
_NONFINITE = re.compile(rb"\b(NaN|Infinity)\b")


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # ValidationError is a DecodeError


class Refusal(Exception):  # noqa: N818 - an answer, not an accident
    """A value is not a request: the problem, and the id, agent and task as far as they could be read."""

    def __init__(
        self, problem: Problem, request_id: str | None, agent: str | None = None, task: str | None = None
    ) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.id = request_id
        self.agent = agent
        self.task = task


class _Envelope(msgspec.Struct):
    id: Any = None
    agent: Any = None
    task: Any = None


_json_envelope = msgspec.json.Decoder(_Envelope)
_pack_envelope = msgspec.msgpack.Decoder(_Envelope)


def decode_request(value: bytes | None, content_type: str = JSON) -> Request[dict[str, Any]]:
    """Decode one value of `compute.requests`; raises `Refusal` for anything that is not a request."""
    received = receive(value, content_type)
    try:
        inputs = decode_inputs(received, content_type)
    except Problem as problem:
        raise Refusal(problem, received.id, received.agent, received.task) from None
    return cast("Request[dict[str, Any]]", msgspec.structs.replace(received, inputs=inputs))


def receive(value: bytes | None, content_type: str = JSON) -> Received:
    """Decode all of a request but its inputs, which stay as bytes; raises `Refusal`."""
    packed = content_type == MSGPACK
    try:
        if not value:
            raise Problem("invalid_message", "the value is empty", hint="send a request: id, agent, task, inputs")
        if len(value) > MESSAGE_LIMIT:
            raise Problem(
                "too_large", f"the value has {len(value)} bytes, the limit is {MESSAGE_LIMIT}",
                hint="send large arrays as base64, or msgpack, or split the request",
            )  # fmt: skip
        received: Received = (_pack_request if packed else _json_request).decode(value)
        _check_values(received)
    except (Problem, *_UNREADABLE) as error:
        raise _refusal(_problem_of(error, value or b"", packed), value, packed) from None
    return received


def receive_together(values: Sequence[bytes | None]) -> list[Received] | None:
    """Decode values of one line of JSON each as `receive` does; None where one of them is not that, or no request."""
    if not all(values):
        return None
    lines = b"\n".join(cast("Sequence[bytes]", values))
    if len(lines) > MESSAGE_LIMIT or lines.count(b"\n") != len(values) - 1:
        return None
    try:
        found = _json_request.decode_lines(lines)
        ids = [one.id for one in found]
        # what most requests are is looked at in a few calls for all of them
        if len(found) != len(values) or not all(ids) or max(map(len, ids)) > ID_LIMIT or not "".join(ids).isprintable():
            return None
        for one in found:
            if one.timeout_s is not None or one.options or one.seed is not None or one.expires_at is not None:
                _check_values(one)
    except (Problem, *_UNREADABLE):
        return None
    return found


def decode_inputs(received: Received, content_type: str = JSON) -> dict[str, Any]:
    """Decode the inputs of a request to plain values; raises `Problem`."""
    packed, value = content_type == MSGPACK, bytes(received.inputs)
    try:
        if not packed and value.count(b"[") + value.count(b"{") >= DEPTH_LIMIT:
            _check_depth(value)
        inputs: dict[str, Any] = (_pack_inputs if packed else _json_inputs).decode(value)
        if packed:
            _check_objects(inputs)
    except (Problem, *_UNREADABLE) as error:
        problem = _problem_of(error, value, packed)
        problem.field = f"inputs{'.' if problem.field else ''}{problem.field or ''}"
        raise problem from None
    return inputs


def inputs_hash(agent: str, task: str, inputs: object, options: Mapping[str, Any], seed: int | None) -> str:
    """Digest of what an answer depends on, in one canonical form."""
    return f"sha256:{sha256(_canonical.encode((agent, task, inputs, options, seed))).hexdigest()}"


def encode_result(
    result: Result, content_type: str = JSON, arrays: str | None = None, inline_limit: int = INLINE_LIMIT
) -> bytes:
    """Encode a result; arrays become lists up to `inline_limit` numbers, the object form above it.

    `arrays` ("list" or "base64") forces one. In JSON, numbers that are not finite become the contract's strings.
    """
    encoder = _pack_encoder if content_type == MSGPACK else _json_encoder
    outputs = result.outputs
    if outputs is None or isinstance(cast("object", outputs), msgspec.Raw):  # encoded already
        return encoder.encode(result)
    try:
        result.outputs = cast("dict[str, Any]", encode_outputs(outputs, content_type, arrays, inline_limit))
        return encoder.encode(result)
    finally:
        result.outputs = outputs


def encode_together(results: Sequence[Result], inline_limit: int = INLINE_LIMIT) -> list[bytes] | None:
    """Encode results that have outputs in JSON, as `encode_result` does; None where no encoder takes one of them.

    Their outputs are replaced by what was encoded of them.
    """
    try:
        encoder = cast("msgspec.json.Encoder", _output_encoder(False, inline_limit))
        outputs = encoder.encode_lines([one.outputs for one in results])
        somewhere = b"null" in outputs  # as the encoder writes a number that is not finite
        for one, encoded in zip(results, outputs.splitlines(), strict=True):
            again = somewhere and b"null" in encoded
            raw = encode_outputs(cast("Any", one.outputs), JSON, None, inline_limit) if again else msgspec.Raw(encoded)
            one.outputs = cast("dict[str, Any]", raw)
    except Exception:  # whichever it is, it is found again
        return None
    return [_json_encoder.encode(one) for one in results]


def encode_outputs(
    outputs: Mapping[str, Any], content_type: str = JSON, arrays: str | None = None, inline_limit: int = INLINE_LIMIT
) -> msgspec.Raw:
    """Encode the outputs alone, as they stand in a result."""
    packed = content_type == MSGPACK
    limit = inline_limit if arrays is None else _FORCED[arrays]
    encoded = _output_encoder(packed, limit).encode(outputs)
    if not packed and b"null" in encoded:  # as the encoder writes a number that is not finite
        encoded = _json_encoder.encode(_plain(outputs, packed, limit))
    return msgspec.Raw(encoded)


@lru_cache(maxsize=64)
def _output_encoder(packed: bool, limit: int) -> msgspec.json.Encoder | msgspec.msgpack.Encoder:
    def convert(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return _array(value, packed, limit)
        if isinstance(value, np.generic):
            return value.item()
        raise TypeError(f"a result cannot hold {type(value).__name__}")

    return (msgspec.msgpack.Encoder if packed else msgspec.json.Encoder)(enc_hook=convert)


def _plain(value: Any, packed: bool, limit: int) -> Any:
    kind = type(value)
    if kind is float:
        return value if packed or math.isfinite(value) else _nonfinite(value)
    if kind is dict:
        return {name: _plain(item, packed, limit) for name, item in value.items()}
    if kind is list or kind is tuple:
        return [_plain(item, packed, limit) for item in value]
    if kind is np.ndarray:
        return _array(value, packed, limit)
    return _plain(value.item(), packed, limit) if isinstance(value, np.generic) else value


def _array(value: np.ndarray[Any, Any], packed: bool, limit: int) -> Any:
    if value.dtype.kind == "c":
        return {"re": _array(value.real, packed, limit), "im": _array(value.imag, packed, limit)}
    if value.size <= limit:
        nested = value.tolist()
        return (
            nested if packed or value.dtype.kind != "f" or np.isfinite(value).all() else _plain(nested, packed, limit)
        )
    little = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<"))
    form: dict[str, Any] = {"dtype": little.dtype.str, "shape": list(little.shape)}
    if packed:
        form["data"] = little.tobytes()
    else:
        form["base64"] = base64.b64encode(little.tobytes()).decode("ascii")
    return form


def _nonfinite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _check_values(request: Received) -> None:
    """The limits that the types cannot say."""
    if not readable_id(request.id):
        raise Problem("invalid_message", "id must have 1 to 128 printable characters", field="id", hint=_EXPECTED["id"])
    timeout = request.timeout_s
    if timeout is not None and not 0 < timeout <= TIMEOUT_LIMIT_S:
        raise Problem("invalid_message", f"timeout_s is {timeout:g}", field="timeout_s", hint=_EXPECTED["timeout_s"])
    if request.expires_at is not None:
        try:
            instants.from_text(request.expires_at)
        except ValueError:
            raise Problem(
                "invalid_message", f"{request.expires_at[:80]!r} is no instant", field="expires_at",
                hint=_EXPECTED["expires_at"],
            ) from None  # fmt: skip
    if request.seed is not None and not 0 <= request.seed < 1 << 63:
        raise Problem("invalid_message", "seed is out of range", field="seed", hint=_EXPECTED["seed"])
    if request.options:
        _check_objects(request.options, "options")


def readable_id(value: object) -> bool:
    """Whether a value can be a request's id."""
    return isinstance(value, str) and 0 < len(value) <= ID_LIMIT and value.isprintable()


def _check_depth(value: bytes) -> None:
    """Refuse inputs in JSON nested deeper than the limit, without recursion; brackets inside strings do not count."""
    depth = 1 + int(_depths(value).max(initial=0))
    if depth > DEPTH_LIMIT:
        raise _too_deep(depth, None)


def _depths(value: bytes) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Say of each character of JSON how deep it is after it."""
    text = np.frombuffer(_unescaped(value), dtype=np.uint8)
    outside = np.cumsum(text == 0x22) % 2 == 0
    opens = ((text == 0x5B) | (text == 0x7B)) & outside
    closes = ((text == 0x5D) | (text == 0x7D)) & outside
    return np.cumsum(opens.astype(np.int32) - closes.astype(np.int32), dtype=np.int32)


def _unescaped(value: bytes) -> bytes:
    """Put two blanks for each escape, so that a quote is the beginning or the end of a string."""
    return _ESCAPE.sub(b"  ", value) if b"\\" in value else value


def _shallow(value: bytes) -> bytes:
    """Empty what an object's members hold, as far as they are objects and lists themselves."""
    after = _depths(value)
    before = np.concatenate(([0], after[:-1]))
    return bytes(np.frombuffer(value, dtype=np.uint8)[np.minimum(before, after) <= 1])


def _check_objects(value: object, field: str | None = None) -> None:
    """Refuse what msgpack allows and JSON does not: more levels than the limit, and keys that are no texts."""
    level: list[object] = [value]
    for _ in range(DEPTH_LIMIT):
        objects = [outer for outer in level if isinstance(outer, dict)]
        if any(type(key) is not str for outer in objects for key in outer):
            hint = "texts as keys, as in JSON"
            raise Problem("invalid_message", "an object has a key that is no text", field=field, hint=hint)
        level = [
            item
            for outer in level
            for item in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
            if isinstance(item, dict | list)
        ]
        if not level:
            return
    raise _too_deep(DEPTH_LIMIT + 1, field)


def _too_deep(depth: int, field: str | None = "inputs") -> Problem:
    return Problem(
        "invalid_message", f"nested {depth} levels deep, the limit is {DEPTH_LIMIT}", field=field,
        hint="write large arrays as {dtype, shape, base64}",
    )  # fmt: skip


def _problem_of(error: Exception, value: bytes, packed: bool) -> Problem:
    if isinstance(error, Problem):
        return error
    return _explain(error) if isinstance(error, msgspec.ValidationError) else _not_decodable(error, value, packed)


def _explain(error: msgspec.ValidationError) -> Problem:
    """Turn msgspec's sentence into a problem that names the field and, for a wrong key, the nearest valid one."""
    text = str(error)
    message, _, path = text.partition(" - at `$")
    field = path.rstrip("`").lstrip(".") or None
    name = re.search(r"field `([^`]*)`", message)
    if name and "unknown" in message:
        near = get_close_matches(name[1], _FIELDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"valid keys: {', '.join(_FIELDS)}"
        return Problem("invalid_message", f"unknown key {name[1]!r}", field=name[1], hint=hint)
    if name and "missing" in message:
        return Problem(
            "invalid_message", f"{name[1]!r} is missing", field=name[1], hint="required: id, agent, task, inputs"
        )
    hint = _EXPECTED.get(re.split(r"[.\[]", field or "")[0], "see GET /v1/agents for the shape of a request")
    return Problem("invalid_message", message, field=field, hint=hint)


def id_of(value: bytes | None, content_type: str = JSON) -> str | None:
    """Read the id of a request, and nothing else of it; None where there is none."""
    if not value or len(value) > MESSAGE_LIMIT:
        return None
    try:
        found = (_pack_envelope if content_type == MSGPACK else _json_envelope).decode(value).id
    except _UNREADABLE:
        return None
    return found if readable_id(found) else None


def _not_decodable(error: Exception, value: bytes, packed: bool) -> Problem:
    if isinstance(error, RecursionError):
        return _too_deep(DEPTH_LIMIT + 1)
    if not packed and _NONFINITE.search(_STRING.sub(b'""', _unescaped(value))):
        return Problem(
            "invalid_message", "NaN and Infinity are not JSON", field="inputs",
            hint='write them as strings, "NaN" or "Infinity", where a task takes them',
        )  # fmt: skip
    form = "msgpack" if packed else "JSON"
    return Problem("invalid_message", f"not {form}: {error}", hint=f"send one {form} object: id, agent, task, inputs")


def _refusal(problem: Problem, value: bytes | None, packed: bool) -> Refusal:
    """Read id, agent and task from a value that is not a request, as far as they can be read."""
    found: Mapping[str, Any] = {}
    try:
        found = msgspec.structs.asdict((_pack_envelope if packed else _json_envelope).decode(value or b""))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if value and not packed and len(value) <= MESSAGE_LIMIT:
            found = _lenient(value)
    request_id = found.get("id")
    return Refusal(
        problem,
        request_id if readable_id(request_id) else None,
        *(name if isinstance(name := found.get(key), str) and len(name) <= 128 else None for key in ("agent", "task")),
    )


def _lenient(value: bytes) -> Mapping[str, Any]:
    """Read what other languages' clients write (bare NaN, half a surrogate pair) and what is too deep: for the id."""
    try:
        found = json.loads(_shallow(value))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
