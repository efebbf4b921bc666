"""Memory and store make one list."""

import pytest

from sciagents.api.archive import merged
from sciagents.api.history import Entry


def _entries(*places: tuple[str, str]) -> list[Entry]:
    return [Entry(id=name, status="succeeded", at=at) for at, name in places]


A, B, C, D, E = (("5", "a"), ("4", "b"), ("3", "c"), ("2", "d"), ("1", "e"))


@pytest.mark.parametrize(
    ("rule", "known", "kept", "limit", "end", "page", "following"),
    [
        ("both in one order", [A, C], [B, D], 4, None, [A, B, C, D], None),
        ("the next page begins behind this one", [A, C], [B, D], 2, None, [A, B], B),
        ("memory alone", [A, B], [], 5, None, [A, B], None),
        ("the store alone", [], [A, B], 5, None, [A, B], None),
        ("nothing", [], [], 5, None, [], None),
        ("beyond the store's page nothing is known yet", [A, E], [B], 5, C, [A, B], C),
        ("a page of the store that memory knows better goes on behind it", [], [], 5, C, [], C),
    ],
)
def test_pages_are_put_together(rule, known, kept, limit, end, page, following):
    """Newest first, none twice, none left out between two pages."""
    entries, place = merged(_entries(*known), _entries(*kept), limit, end)
    assert [(entry.at, entry.id) for entry in entries] == page
    assert place == following
