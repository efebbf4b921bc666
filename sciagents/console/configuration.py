"""What `config show` and `check` do."""

from collections.abc import Mapping
from difflib import get_close_matches

from alerting import documents
from alerting.documents import Document, spell
from sciagents import settings
from sciagents.console.tables import complain, print_json, print_table, say
from sciagents.settings import Settings


def show(found: Settings, environ: Mapping[str, str], *, as_json: bool) -> None:
    """Print what is in force, and where each value comes from."""
    if as_json:
        print_json(settings.safe(found))
        return
    path = settings.path_of(environ)
    document = documents.load(path) if path is not None else Document("", {})
    places = [place for place, _ in settings.places()]
    rows = [(place, settings.shown(place, settings.value_at(found, place))) for place in places]
    rows += [(("agents", agent, name), value) for agent, own in found.agents.items() for name, value in own.items()]
    print_table(
        ("key", "value", "variable", "from"),
        (
            (spell(place), repr(value) if value == "" else value, settings.variable(place),
             settings.source(place, environ, document))
            for place, value in rows
        ),
    )  # fmt: skip


def check(environ: Mapping[str, str]) -> bool:
    """Look for what no start refuses: variables that are nearly one of the settings'. Whether there are none."""
    places = [place for place, _ in settings.places()]
    known = {"CONFIG", *("_".join(map(str, place)).upper() for place in places)}
    known |= {settings.variable(place).removeprefix(settings.PREFIX) for place in places}
    known |= {f"{settings.variable(place).removeprefix(settings.PREFIX)}_FILE" for place in settings.SECRETS}
    good = True
    for name in sorted(name for name in environ if name.startswith(settings.PREFIX)):
        own = name.removeprefix(settings.PREFIX)
        near = [] if own in known else get_close_matches(own, known, n=1, cutoff=0.8)
        if near:
            complain(f"{name} is no setting (did you mean {settings.PREFIX}{near[0]}?)")
            good = False
    if good:
        say(f"{settings.path_of(environ) or 'no file: the defaults'}: ok")
    return good
