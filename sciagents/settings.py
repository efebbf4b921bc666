"""Settings of the processes: `config/agents.yaml`, over it `.env`, over it the environment, over all a command's flags.

Every key can be given as a variable: `SCI_AGENTS_` and its path (`SCI_AGENTS_ORCHESTRATION_MAX_WORKERS`), or the short
name that `variable` returns (`SCI_AGENTS_MAX_WORKERS`).
"""

import contextlib
import re
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from alerting import documents
from alerting.documents import ConfigError, Document, Place
from sciagents.errors import NotFoundError
from sciagents.shipped import folder

PREFIX = "SCI_AGENTS_"
DOTENV = Path(".env")
CONFIG = Path("config/agents.yaml")
_FORMS: dict[Place, tuple[re.Pattern[str], str]] = {
    ("kafka",): (re.compile(r"[^\s,]+:\d{1,5}(,[^\s,]+:\d{1,5})*"), "HOST:PORT, several with commas"),
    ("instance_id",): (re.compile(r"[A-Za-z0-9._-]{0,200}"), "at most 200 letters, digits, dots, dashes, underscores"),
    ("redis_url",): (re.compile(r"((redis|rediss|unix)://\S+)?"), "redis://HOST:PORT/0, rediss:// for TLS"),
    ("postgres_url",): (re.compile(r"(postgres(ql)?://\S+)?"), "postgres://USER:PASSWORD@HOST:PORT/DATABASE"),
    ("topic_prefix",): (re.compile(r"[A-Za-z0-9._-]{0,100}"), "at most 100 letters, digits, dots, dashes, underscores"),
}
SECRETS: frozenset[Place] = frozenset({("redis_url",), ("postgres_url",)})
"""Keys whose values may hold a password: `…_FILE` names a file that has them, and they are shown without it."""
_SHORT = {"orchestration": "", "performance": "", "logging": "LOG_"}
_PASSWORD = re.compile(r"://[^/]*@")
_LINE = re.compile(r"\s*(?:export\s+)?(?P<name>SCI_AGENTS_\w+)\s*=\s*(?P<value>.*?)\s*")
_QUOTED = re.compile(r"""(?P<mark>["'])(?P<text>.*)(?P=mark)(?:\s+#.*)?""")


class Orchestration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a worker computes; `timeout` and `stuck_after` are in seconds. `threads` is an older word for `processes`."""

    max_workers: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 2
    timeout: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 3600.0
    queue_timeout: Annotated[float, msgspec.Meta(gt=0)] | None = None
    parallel_mode: Literal["processes", "serial", "threads"] = "processes"
    stuck_after: Annotated[float, msgspec.Meta(ge=5, le=86_400)] = 60.0


class Performance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of answers: `cache_size` values in memory, or all that fits in a Redis; seconds and bytes."""

    cache_enabled: bool = True
    cache_size: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 10_000
    cache_bytes: Annotated[int, msgspec.Meta(ge=0)] = 64 * 1024 * 1024
    cache_ttl: Annotated[float, msgspec.Meta(gt=0)] = 86_400.0
    cache_value_bytes: Annotated[int, msgspec.Meta(ge=0, le=8 * 1024 * 1024)] = 1024 * 1024


class History(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of requests and incidents: 0 days keep all; above `body_bytes` a message is left out of its row."""

    enabled: bool = True
    retention_days: Annotated[float, msgspec.Meta(ge=0)] = 30.0
    body_bytes: Annotated[int, msgspec.Meta(ge=0, le=10 * 1024 * 1024)] = 1024 * 1024


class FastLane(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How small requests are computed together."""

    max_delay_ms: Annotated[float, msgspec.Meta(ge=0, le=1000)] = 2.0
    max_batch: Annotated[int, msgspec.Meta(ge=1, le=2000)] = 256


class Lanes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ways through a worker."""

    fast: FastLane = FastLane()


class Budgets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one request may take, as estimated; `bytes` bounds also what it really allocates in the heavy lane."""

    flops: Annotated[float, msgspec.Meta(gt=0)] = 1e15
    bytes: Annotated[int, msgspec.Meta(ge=64 * 1024**2)] = 4 * 1024**3
    seconds: Annotated[float, msgspec.Meta(gt=0)] = 36_000.0


class Logging(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is logged, and where; without a file, to standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    format: Literal["auto", "text", "json"] = "auto"
    file: str | None = None


Default = bool | int | float | str
"""A value of an option that a request leaves out."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings; `agents` has, for each agent, defaults of its tasks' options (`sciagents.defaults`)."""

    kafka: str = "127.0.0.1:9092"
    topic_prefix: str = ""
    group_protocol: Literal["auto", "consumer", "classic"] = "auto"
    instance_id: str = ""
    redis_url: str = ""
    postgres_url: str = ""
    orchestration: Orchestration = Orchestration()
    performance: Performance = Performance()
    history: History = History()
    lanes: Lanes = Lanes()
    budgets: Budgets = Budgets()
    logging: Logging = Logging()
    agents: dict[str, dict[str, Default]] = {}


class VariableError(ConfigError):
    """A variable of the environment has a value that cannot be used."""

    def __init__(self, variable: str, message: str, hint: str | None = None) -> None:
        super().__init__("environment", 0, variable, message, hint)

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" + (f" ({self.hint})" if self.hint else "")


def load(environ: Mapping[str, str], path: Path | None) -> Settings:
    """Read the settings; without a file they are the defaults. Raises `ConfigError` for a wrong key or value."""
    document = documents.load(path) if path is not None else Document("defaults", {})
    settings = documents.convert(document, Settings)
    for place, kind in places():
        if (found := _given(environ, place)) is not None:
            name, text = found
            settings = _replaced(settings, place, _from_text(name, text, kind))

    def complain(place: Place, message: str, hint: str | None) -> ConfigError:
        found = _given(environ, place)
        return VariableError(found[0], message, hint) if found else document.error(place, message, hint)

    for place, (form, hint) in _FORMS.items():
        value = value_at(settings, place)
        if not form.fullmatch(value):
            raise complain(place, f"{'its value' if place in SECRETS else repr(value[:80])} cannot be used", hint)
    if settings.agents or any(name.startswith(f"{PREFIX}AGENTS_") for name in environ):
        settings = _with_agents(settings, environ, complain)
    return settings


def path_of(environ: Mapping[str, str]) -> Path | None:
    """Find the settings file: `SCI_AGENTS_CONFIG`, or `config/agents.yaml` here, or the one that was installed."""
    named = environ.get(f"{PREFIX}CONFIG")
    if named:
        return Path(named)
    if CONFIG.is_file():
        return CONFIG
    with contextlib.suppress(NotFoundError):
        shipped = folder("config") / CONFIG.name
        return shipped if shipped.is_file() else None
    return None


def variable(place: Place) -> str:
    """Name the variable of a key: the short name where there is one."""
    section, *rest = (str(step) for step in place)
    return PREFIX + (_SHORT[section] + "_".join(rest) if section in _SHORT else "_".join((section, *rest))).upper()


def source(place: Place, environ: Mapping[str, str], document: Document) -> str:
    """Say where a key's value comes from: a variable, a line of the file, or nowhere."""
    if (found := _given(environ, place)) is not None:
        return found[0]
    return f"{document.file}:{document.line(place)}" if place in document.lines else "default"


def places(kind: type[msgspec.Struct] = Settings, above: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Iterate over the keys that are there, each with its type; `agents` is open, and left out."""
    for field in msgspec.structs.fields(kind):
        place = (*above, field.name)
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from places(field.type, place)
        elif place != ("agents",):
            yield place, field.type


def value_at(settings: Settings, place: Place) -> Any:
    """Return the value of a key."""
    value: Any = settings
    for step in place:
        value = getattr(value, str(step))
    return value


def read_dotenv(text: str, file: str = str(DOTENV)) -> dict[str, str]:
    """Read the `SCI_AGENTS_` variables of a `.env` file: `NAME=value`, quotes and comments as shells have them."""
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip().removeprefix("export ").lstrip().startswith(PREFIX):
            continue  # for other programs
        read = _LINE.fullmatch(line)
        if read is None:
            raise ConfigError(file, number, "", "is no variable", f"{PREFIX}NAME=value")
        quoted = _QUOTED.fullmatch(read["value"])
        found[read["name"]] = quoted["text"] if quoted else re.sub(r"(^|\s+)#.*", "", read["value"])
    return found


def shown(place: Place, value: Any) -> Any:
    """Return a value as it may be shown: an address without its password."""
    return _PASSWORD.sub("://***@", value) if place in SECRETS else value


def safe(settings: Settings) -> Settings:
    """Return the settings as they may be shown."""
    for place in SECRETS:
        settings = _replaced(settings, place, shown(place, value_at(settings, place)))
    return settings


def _given(environ: Mapping[str, str], place: Place) -> tuple[str, str] | None:
    for name in (variable(place), PREFIX + "_".join(map(str, place)).upper()):
        if name in environ:
            return name, environ[name]
        if place in SECRETS and (file := environ.get(f"{name}_FILE")):
            try:
                return f"{name}_FILE", Path(file).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise VariableError(f"{name}_FILE", f"cannot be read: {error}") from None
    return None


def _from_text(name: str, text: str, kind: Any) -> Any:
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError as error:
        valid = typing.get_args(kind) if typing.get_origin(kind) is Literal else ()
        hint = documents.suggest(text, valid) if valid else None
        raise VariableError(name, f"{text[:80]!r}: {error}", hint) from None


def _replaced(settings: Any, place: Place, value: Any) -> Any:
    name, *rest = place
    inner = _replaced(getattr(settings, str(name)), tuple(rest), value) if rest else value
    return msgspec.structs.replace(settings, **{str(name): inner})


def _with_agents(
    settings: Settings, environ: Mapping[str, str], complain: Callable[[Place, str, str | None], ConfigError]
) -> Settings:
    from sciagents import defaults  # noqa: PLC0415 - the catalogue is slow to import, and few settings need it

    agents = {agent: dict(options) for agent, options in settings.agents.items()}
    known = {variable(place): place for place in defaults.places()}
    for name in environ:
        if name.startswith(f"{PREFIX}AGENTS_"):
            if name not in known:
                raise VariableError(name, "no such agent or option", documents.suggest(name, known))
            _, agent, option = map(str, known[name])
            agents.setdefault(agent, {})[option] = defaults.from_text(environ[name])

    defaults.resolve(agents, complain)
    return msgspec.structs.replace(settings, agents=agents)
