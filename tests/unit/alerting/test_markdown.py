"""Markdown of texts that others wrote."""

import pytest

from alerting import markdown


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        pytest.param("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;", id="HTML is text"),
        pytest.param("&lt;b&gt;", "&amp;lt;b&amp;gt;", id="an entity is its own five signs"),
        pytest.param("a | b", "a \\| b", id="a cell does not end"),
        pytest.param("[x](https://e.org)", "\\[x\\](https&#58;//e.org)", id="a link is no link"),
        pytest.param("see www.e.org", "see www&#46;e.org", id="nor is a bare address"),
        pytest.param("![x](y)", "!\\[x\\](y)", id="an image is not loaded"),
        pytest.param("**now** _then_ `code`", "\\*\\*now\\*\\* \\_then\\_ \\`code\\`", id="no emphasis, no code"),
        pytest.param("a\n## b\r\n\x1b[2J", "a \\#\\# b \\[2J", id="a line is one line, without control characters"),
        pytest.param("\\|", "\\\\\\|", id="a backslash escapes nothing of ours"),
        pytest.param("x" * 600, "x" * 499 + "…", id="it is bounded"),
    ],
)
def test_text_is_shown_as_it_is(said, shown):
    assert markdown.plain(said) == shown


def test_a_table_keeps_its_columns():
    """Whatever stands in a cell, each row has as many as the head."""
    lines = markdown.table(("a", "b"), [("|", None), ("x\ny", 3)])
    assert lines == ["| a | b |", "|---|---|", "| \\| |  |", "| x y | 3 |"]
