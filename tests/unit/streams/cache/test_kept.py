"""A kept answer comes back as it was, or not at all."""

import msgspec
import pytest

from agents.outcome import Check, Diagnostics
from streams.cache import kept
from streams.cache.kept import Kept
from streams.contracts import Error

KEY = bytes(range(32))
GOOD = Kept(
    b'{"x":[1.0,2.0]}',
    None,
    ["slow"],
    Diagnostics(method="lu", checks=[Check("finite", passed=True)]),
    "native.dense",
    True,
)
FAILED = Kept(None, Error(code="singular", message="it is"), [], Diagnostics(), "native.dense", True)


@pytest.mark.parametrize("what", [GOOD, FAILED])
def test_it_comes_back_as_it_was(what):
    """Writing and reading change nothing."""
    assert kept.from_bytes(KEY, kept.to_bytes(KEY, what), packed=False) == what


def test_any_changed_byte_is_noticed():
    """No single byte can change unseen."""
    value = kept.to_bytes(KEY, GOOD)
    for place in range(len(value)):
        changed = bytearray(value)
        changed[place] ^= 1
        assert kept.from_bytes(KEY, bytes(changed), packed=False) is None


def test_a_value_of_another_key_is_refused():
    """What was kept for one request answers no other."""
    assert kept.from_bytes(KEY[::-1], kept.to_bytes(KEY, GOOD), packed=False) is None


@pytest.mark.parametrize("value", [b"", b"sca1", bytes(20), b"sca1" + bytes(16), b'{"outputs": {}}', b"\x80\x04K\x01."])
def test_what_others_wrote_there_is_refused(value):
    """Bytes of another kind, a pickle among them, are no answer."""
    assert kept.from_bytes(KEY, value, packed=False) is None


@pytest.mark.parametrize(
    "outputs",
    [b"[1]", b"{", b'{"x": NaN}', b'{} {"id": "r-2"}', msgspec.msgpack.encode({"x": 1}), None],
)
def test_outputs_that_are_no_object_are_refused(outputs):
    """What is put into a result as it is has to be one value of the result's form."""
    bad = msgspec.structs.replace(GOOD, outputs=outputs)
    assert kept.from_bytes(KEY, kept.to_bytes(KEY, bad), packed=False) is None


def test_outputs_in_msgpack_are_read_as_msgpack():
    """The form of the outputs is that of the request."""
    packed = msgspec.structs.replace(GOOD, outputs=msgspec.msgpack.encode({"x": b"1"}))
    assert kept.from_bytes(KEY, kept.to_bytes(KEY, packed), packed=True) == packed
