"""A mistake in a file is told with its file, line, path and what would do."""

from typing import Annotated

import msgspec
import pytest

from alerting import documents
from alerting.documents import ConfigError, convert, load, parse


class Leaf(msgspec.Struct, forbid_unknown_fields=True):
    size: Annotated[int, msgspec.Meta(ge=1)] = 1
    goes_on: bool = msgspec.field(default=False, name="continue")


class Root(msgspec.Struct, forbid_unknown_fields=True):
    name: str = ""
    leaf: Leaf | None = None
    leaves: list[Leaf] = []
    by_name: dict[str, Leaf] = {}
    chosen: dict[str, list[Leaf]] = {}


def test_values_are_plain_and_know_their_lines():
    found = parse("a: 1\nb:\n  - x\n  - {c: 2026-01-05, d: 1.5}\n")
    assert found.value == {"a": 1, "b": ["x", {"c": "2026-01-05", "d": 1.5}]}
    assert [found.line(path) for path in [("a",), ("b",), ("b", 0), ("b", 1, "c")]] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        pytest.param(("b", 1, "missing"), 4, id="a missing key: the line of the mapping"),
        pytest.param(("none", "at", "all"), 1, id="nothing there: the first line"),
        pytest.param((), 1, id="the whole"),
    ],
)
def test_line_of_what_is_missing_is_that_of_what_is_around_it(path, line):
    assert parse("a: 1\nb:\n  - x\n  - {c: 2}\n").line(path) == line


def test_a_merge_gives_what_is_not_written():
    found = parse("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n")
    assert found.value["use"] == {"x": 1, "y": 3}
    assert found.line(("use", "y")) == 4


def test_an_empty_text_is_an_empty_mapping():
    assert parse("# nothing\n").value == {}


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 9))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("a: [1\nb: 2\n", "f.yaml:2: is no YAML", id="no YAML"),
        pytest.param("a: 1\nb: 2\na: 3\n", "f.yaml:3: a: is written twice", id="a key twice"),
        pytest.param("a:\n  - !!python/object:os.system x\n", "f.yaml:2: a[0]: the tag", id="a tag"),
        pytest.param("on: 1\n", 'f.yaml:1: a key that is no word (put it in quotes: "on")', id="a key that is a truth"),
        pytest.param("a: &a [*a]\n", "f.yaml:1: a", id="an alias of itself"),
        pytest.param(LAUGHS, "aliases make more than", id="aliases that grow without bound"),
        pytest.param(MERGES, "aliases make more than", id="merges that grow without bound"),
        pytest.param("[" * 60 + "]" * 60, "nested more than 50 deep", id="nested too deep"),
        pytest.param("[" * 100_000, "maximum nesting depth", id="nested without bound"),
        pytest.param("a: " + "x" * documents.SIZE_LIMIT, "is larger than", id="too large"),
        pytest.param("a: 1\n---\nb: 2\n", "is no YAML", id="two documents"),
    ],
)
def test_what_cannot_be_read_is_refused(text, said):
    with pytest.raises(ConfigError) as error:
        parse(text, "f.yaml")
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("nam: x\n", "f.yaml:1: nam: unknown key (did you mean 'name'?)", id="at the top"),
        pytest.param(
            "leaf:\n  zzz: 1\n", "f.yaml:2: leaf.zzz: unknown key (one of: continue, size)", id="nothing near: all"
        ),
        pytest.param(
            "leaves:\n  - size: 1\n  - contineu: 1\n",
            "f.yaml:3: leaves[1].contineu: unknown key (did you mean 'continue'?)",
            id="in a list, by the name in the file",
        ),
        pytest.param(
            "by_name:\n  a: {size: 1}\n  b:\n    size: 0\n",
            "f.yaml:4: by_name.b.size: Expected `int` >= 1",
            id="in a mapping, whose key is found",
        ),
        pytest.param(
            "chosen:\n  a: []\n  b:\n    - size: many\n",
            "f.yaml:4: chosen.b[0].size: Expected `int`, got `str`",
            id="in a list in a mapping",
        ),
        pytest.param("- 1\n", "f.yaml:1: Expected `object`, got `array`", id="the whole is something else"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(text, said):
    with pytest.raises(ConfigError) as error:
        convert(parse(text, "f.yaml"), Root)
    assert str(error.value) == said


def test_what_fits_is_made():
    made = convert(parse("leaves: [{continue: true}]\nby_name: {a: {size: 2}}\n"), Root)
    assert made == Root(leaves=[Leaf(goes_on=True)], by_name={"a": Leaf(size=2)})


def test_a_hook_makes_further_types_and_its_error_is_the_message():
    class Holder(msgspec.Struct):
        z: complex

    def hook(kind, value):
        if value != "i":
            raise ValueError("no number")
        return 1j

    assert convert(parse("z: i"), Holder, hook).z == 1j
    with pytest.raises(ConfigError, match=r"^<text>:1: z: no number$"):
        convert(parse("z: j"), Holder, hook)


def test_a_file_that_is_missing_or_no_text_says_so(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml:1: cannot be read: No such file"):
        load(tmp_path / "none.yaml")
    (tmp_path / "f.yaml").write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(ConfigError, match=r"f\.yaml:2: is not UTF-8"):
        load(tmp_path / "f.yaml")
