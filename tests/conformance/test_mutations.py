"""Mutations of the default configuration: each is refused, at its line, with what would do."""

import re
from pathlib import Path

import pytest

from alerting import config as configuration
from alerting import documents
from alerting.documents import ConfigError

DEFAULT = (Path(__file__).parents[2] / "config" / "alerting.yaml").read_text().splitlines()
_KEY = re.compile(r"(?P<before>^[ -]*|[{,] *)(?P<key>[a-z_]+): ")
_FREE = {"labels", "annotations", "people", "severities"}
"""Below these, keys are names that people choose, or severities, which are a closed list of their own."""
_DURATION = re.compile(r"(?<=: )(?:\d+(?:s|m|h|d))\b")
_NAME = re.compile(r"(?:(?<=receiver: )|(?<=notify: \[))(?P<name>[a-z-]+)")


def _free(number):
    """Whether a line stands in a mapping whose keys are free."""
    line = DEFAULT[number]
    indent = len(line) - len(line.lstrip())
    for above in reversed(DEFAULT[:number]):
        if above.strip() and not above.lstrip().startswith("#") and len(above) - len(above.lstrip()) < indent:
            return above.strip().rstrip(":").lstrip("- ") in _FREE
    return False


def mutations():
    """Each as (what, line from 1, the text)."""
    for number, line in enumerate(DEFAULT):
        code = line.partition(" #")[0]
        if not code.strip() or code.lstrip().startswith("#"):
            continue
        free = _free(number)
        for found in _KEY.finditer(code):
            within = {word for word in _FREE if re.search(rf"\b{word}: *\{{", code[: found.start("key")])}
            if not free and not within:
                wrong = code[: found.end("key")] + "x" + code[found.end("key") :]
                yield f"{found['key']}x", number, wrong
        for found in _DURATION.finditer(code):
            yield f"a duration {found[0]}", number, code[: found.start()] + "soon" + code[found.end() :]
        for found in _NAME.finditer(code):
            yield f"nobody for {found['name']}", number, code[: found.start()] + "nobodi" + code[found.end() :]


FOUND = [
    pytest.param(number, wrong, id=f"line {number + 1}: {what}") for what, number, wrong in mutations()
]  # fmt: skip


def test_there_are_more_than_a_hundred():
    assert len(FOUND) > 100


@pytest.mark.parametrize(("number", "wrong"), FOUND)
def test_a_mutation_is_refused_at_its_line_with_what_would_do(number, wrong):
    text = "\n".join([*DEFAULT[:number], wrong, *DEFAULT[number + 1 :]])
    with pytest.raises(ConfigError) as error:
        configuration.read(documents.parse(text, "alerting.yaml"), {})
    said = str(error.value)
    assert said.startswith(f"alerting.yaml:{error.value.line}: ")
    assert abs(error.value.line - (number + 1)) <= 1, said
    assert error.value.hint or "write it like" in said or "required field" in said, said
