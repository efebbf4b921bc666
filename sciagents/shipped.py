"""Files that come with the program: in the repository beside the packages, installed under `share/sci-agents`."""

import sys
from pathlib import Path

from sciagents.errors import NotFoundError

_PLACES = (Path(__file__).parents[1], Path(sys.prefix) / "share" / "sci-agents")


def folder(name: str) -> Path:
    """Return a shipped folder, such as `config`; raises `NotFoundError`."""
    for place in _PLACES:
        if (place / name).is_dir():
            return place / name
    raise NotFoundError(f"{name} is not there", hint=f"looked in {', '.join(str(place) for place in _PLACES)}")
