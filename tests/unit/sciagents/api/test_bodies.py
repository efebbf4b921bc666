"""What came with a request is decoded, or refused with its field and what would do."""

import msgspec
import pytest

from sciagents.api import bodies
from sciagents.api.problems import HttpProblem
from streams.contracts import Action


class Alarm(msgspec.Struct, forbid_unknown_fields=True):
    """As bodies are."""

    action: Action
    by: str
    matchers: list[str] = []


DECODER = msgspec.json.Decoder(Alarm)


def test_what_fits_is_made():
    assert bodies.decode(DECODER, b'{"action": "note", "by": "ada"}') == Alarm("note", "ada")


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        (b'{"acton": "note", "by": "ada"}', "acton", "did you mean 'action'?"),
        (b'{"action": "acknowlege", "by": "ada"}', "action", "did you mean 'acknowledge'?"),
        (b'{"action": "note"}', None, "missing required field `by`"),
        (b'{"action": "note", "by": 1}', "by", "Expected `str`"),
        (b'{"action": "note", "by": "a", "matchers": ["a", 1]}', "matchers[1]", "Expected `str`"),
        (b"[]", None, "Expected `object`"),
        (b'{"action": "note", "by": 1, "x": ' + b"[" * 100_000, None, "not JSON"),
        (b"{", None, "not JSON"),
        (b'{"by": "\xff"}', None, "not JSON"),
    ],
)
def test_what_does_not_fit_is_named_with_the_nearest_valid_word(body, field, said):
    with pytest.raises(HttpProblem) as refused:
        bodies.decode(DECODER, body)
    assert (refused.value.status, refused.value.code, refused.value.field) == (400, "invalid_message", field)
    assert said in f"{refused.value.message} {refused.value.hint}"


def test_a_part_of_a_body_is_named_with_where_it_is():
    with pytest.raises(HttpProblem) as refused:
        bodies.decode(DECODER, b'{"acton": "note"}', "[3]")
    assert refused.value.field == "[3].acton"
