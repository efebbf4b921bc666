"""Markdown of texts that others wrote: shown as they are, whatever they say (CommonMark, GitHub's tables and links)."""

import re
from collections.abc import Iterable, Sequence

from alerting.text import one_line

CELL_LIMIT = 500
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_MARKUP = re.compile(r"([\\`*_{}\[\]#|~$])")
_LINKS = re.compile(r"(?i)(://|\bwww\.)")


def plain(text: object, limit: int = CELL_LIMIT) -> str:
    """One line that no reader takes for markup, HTML or a link, `limit` signs at most before it is escaped.

    It may stand in a cell or behind words of ours; at the start of a line it could be a list.
    """
    line = one_line(str(text), limit + 1)
    if len(line) > limit:
        line = line[: limit - 1] + "…"
    escaped = _MARKUP.sub(r"\\\1", line.translate(_ENTITIES))
    return _LINKS.sub(lambda found: found[0].replace(":", "&#58;").replace(".", "&#46;"), escaped)


def row(*cells: object) -> str:
    """A row of a table; None is an empty cell."""
    return f"| {' | '.join('' if cell is None else plain(cell) for cell in cells)} |"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A table's lines; the names of its columns are ours."""
    return [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns), *(row(*cells) for cells in rows)]
