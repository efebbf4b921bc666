"""Settings: file, `.env` and environment in this order, and every mistake told with its place."""

from pathlib import Path

import pytest

from alerting.documents import ConfigError
from sciagents import defaults, settings
from sciagents.console import configuration
from sciagents.errors import UsageError
from sciagents.settings import Settings

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "agents.yaml"
        path.write_text(text)
        return path

    return write


def test_without_a_file_they_are_the_defaults():
    assert settings.load({}, None) == Settings()


def test_the_file_that_comes_with_the_program_says_the_defaults():
    assert settings.load({}, REPOSITORY / "config" / "agents.yaml") == Settings()


@pytest.mark.parametrize("place", [place for place, _ in settings.places()])
def test_the_file_that_comes_with_the_program_names_every_key_and_its_variable(place):
    text = (REPOSITORY / "config" / "agents.yaml").read_text()
    assert f"{place[-1]}:" in text
    assert settings.variable(place) in text


@pytest.mark.parametrize(
    ("text", "place", "value"),
    [
        ("kafka: kafka-1:9092,kafka-2:9092", ("kafka",), "kafka-1:9092,kafka-2:9092"),
        ("topic_prefix: staging.", ("topic_prefix",), "staging."),
        ("group_protocol: classic", ("group_protocol",), "classic"),
        ("instance_id: worker-1", ("instance_id",), "worker-1"),
        ("orchestration: {max_workers: 8}", ("orchestration", "max_workers"), 8),
        ("orchestration: {stuck_after: 600}", ("orchestration", "stuck_after"), 600.0),
        ("orchestration: {timeout: 30}", ("orchestration", "timeout"), 30.0),
        ("orchestration: {parallel_mode: serial}", ("orchestration", "parallel_mode"), "serial"),
        ("logging: {level: DEBUG, format: json, file: /var/log/x.log}", ("logging", "file"), "/var/log/x.log"),
        ("agents: {linalg: {default_method: lu}}", ("agents",), {"linalg": {"default_method": "lu"}}),
    ],
)
def test_the_file_sets_a_key(written, text, place, value):
    assert settings.value_at(settings.load({}, written(text)), place) == value


@pytest.mark.parametrize(
    ("name", "text", "place", "value"),
    [
        ("SCI_AGENTS_KAFKA", "b:1", ("kafka",), "b:1"),
        ("SCI_AGENTS_TOPIC_PREFIX", "p.", ("topic_prefix",), "p."),
        ("SCI_AGENTS_GROUP_PROTOCOL", "consumer", ("group_protocol",), "consumer"),
        ("SCI_AGENTS_INSTANCE_ID", "worker-1", ("instance_id",), "worker-1"),
        ("SCI_AGENTS_REDIS_URL", "redis://r:1/0", ("redis_url",), "redis://r:1/0"),
        ("SCI_AGENTS_POSTGRES_URL", "postgres://u:p@h/d", ("postgres_url",), "postgres://u:p@h/d"),
        ("SCI_AGENTS_CACHE_SIZE", "7", ("performance", "cache_size"), 7),
        ("SCI_AGENTS_CACHE_ENABLED", "false", ("performance", "cache_enabled"), False),
        ("SCI_AGENTS_PERFORMANCE_CACHE_TTL", "60", ("performance", "cache_ttl"), 60.0),
        ("SCI_AGENTS_HISTORY_RETENTION_DAYS", "0.5", ("history", "retention_days"), 0.5),
        ("SCI_AGENTS_MAX_WORKERS", "3", ("orchestration", "max_workers"), 3),
        ("SCI_AGENTS_ORCHESTRATION_MAX_WORKERS", "3", ("orchestration", "max_workers"), 3),
        ("SCI_AGENTS_TIMEOUT", "1.5", ("orchestration", "timeout"), 1.5),
        ("SCI_AGENTS_LOG_LEVEL", "ERROR", ("logging", "level"), "ERROR"),
        ("SCI_AGENTS_LOGGING_LEVEL", "ERROR", ("logging", "level"), "ERROR"),
        ("SCI_AGENTS_LOG_FILE", "/x.log", ("logging", "file"), "/x.log"),
        ("SCI_AGENTS_AGENTS_LINALG_ARRAYS", "base64", ("agents",), {"linalg": {"arrays": "base64"}}),
    ],
)
def test_a_variable_overrides_the_file(written, name, text, place, value):
    path = written("kafka: a:9\norchestration: {max_workers: 7, timeout: 9}\nlogging: {level: DEBUG, file: /y}\n")
    assert settings.value_at(settings.load({name: text}, path), place) == value


@pytest.mark.parametrize(
    ("text", "line", "path", "hint"),
    [
        ("\nkafkaa: x:1", 2, "kafkaa", "did you mean 'kafka'?"),
        ("xyz: {}", 1, "xyz", f"one of: {', '.join(sorted(Settings.__struct_fields__))}"),
        ("kafka: nowhere", 1, "kafka", "HOST:PORT, several with commas"),
        ("redis_url: localhost", 1, "redis_url", "redis://HOST:PORT/0, rediss:// for TLS"),
        ("postgres_url: mysql://x", 1, "postgres_url", "postgres://USER:PASSWORD@HOST:PORT/DATABASE"),
        ("topic_prefix: a b", 1, "topic_prefix", "at most 100 letters, digits, dots, dashes, underscores"),
        ("orchestration:\n  max_worker: 2", 2, "orchestration.max_worker", "did you mean 'max_workers'?"),
        ("orchestration:\n\n  max_workers: 0", 3, "orchestration.max_workers", None),
        ("orchestration:\n  max_workers: '2'", 2, "orchestration.max_workers", None),
        ("orchestration:\n  timeout: 3601", 2, "orchestration.timeout", None),
        ("orchestration:\n  parallel_mode: x", 2, "orchestration.parallel_mode", "one of: processes, serial, threads"),
        ("logging:\n  level: WARN", 2, "logging.level", "did you mean 'WARNING'?"),
        ("agents:\n  linag: {}", 2, "agents.linag", "did you mean 'linalg'?"),
        ("agents:\n  linalg:\n    metod: lu", 3, "agents.linalg.metod", "did you mean 'method'?"),
        ("agents:\n  linalg:\n    default_method: guess", 3, "agents.linalg.default_method",
         "one of auto, banded, bicgstab, cg, cholesky, gmres, ldl, lu, minres"),
    ],
    ids=[
        "a key nearly right", "a key of none", "no address", "no address of Redis", "another database",
        "a prefix no topic could have", "an inner key",
        "too small", "a text for a number", "too large", "a mode that is not there", "a level nearly right",
        "an agent nearly right", "an option nearly right", "a method that no task has",
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_told_with_file_line_and_valid_names(written, text, line, path, hint):
    file = written(text)
    with pytest.raises(ConfigError) as told:
        settings.load({}, file)
    error = told.value
    assert (error.file, error.line, error.path, error.hint) == (str(file), line, path, hint)
    assert str(error).startswith(f"{file}:{line}: {path}: ")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("SCI_AGENTS_MAX_WORKERS", "many", "'many': Expected `int`"),
        ("SCI_AGENTS_TIMEOUT", "-1", "'-1': Expected `float` > 0.0"),
        ("SCI_AGENTS_LOG_LEVEL", "debugg", "one of: CRITICAL, DEBUG, ERROR, INFO, WARNING"),
        ("SCI_AGENTS_KAFKA", "nowhere", "HOST:PORT"),
        ("SCI_AGENTS_AGENTS_LINALG_ARRAYS", "x", "'x'"),
        ("SCI_AGENTS_AGENTS_LINALG_ARAYS", "x", "did you mean 'SCI_AGENTS_AGENTS_LINALG_ARRAYS'?"),
    ],
)
def test_a_mistake_in_a_variable_names_the_variable(name, text, said):
    with pytest.raises(ConfigError) as told:
        settings.load({name: text}, None)
    assert str(told.value).startswith(f"{name}: ")
    assert said in str(told.value)


def test_a_file_that_is_named_and_not_there_is_a_mistake(tmp_path):
    path = settings.path_of({"SCI_AGENTS_CONFIG": str(tmp_path / "none.yaml")})
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        settings.load({}, path)


def test_where_a_value_comes_from(written):
    from alerting import documents

    document = documents.load(written("kafka: a:1\norchestration:\n  timeout: 3\n"))
    environ = {"SCI_AGENTS_KAFKA": "b:1"}
    assert settings.source(("kafka",), environ, document) == "SCI_AGENTS_KAFKA"
    assert settings.source(("orchestration", "timeout"), environ, document).endswith("agents.yaml:3")
    assert settings.source(("logging", "level"), environ, document) == "default"


def test_dotenv_is_read_as_shells_read_it():
    text = """# x
OTHER=1 2
SCI_AGENTS_A=1
export SCI_AGENTS_B = 'a # b' # c
SCI_AGENTS_C="x"
SCI_AGENTS_D=y # z
SCI_AGENTS_E=
"""
    assert settings.read_dotenv(text) == {
        "SCI_AGENTS_A": "1", "SCI_AGENTS_B": "a # b", "SCI_AGENTS_C": "x", "SCI_AGENTS_D": "y", "SCI_AGENTS_E": ""
    }  # fmt: skip


def test_a_line_of_dotenv_that_is_none_is_told_with_its_number():
    with pytest.raises(ConfigError, match=r"\.env:2"):
        settings.read_dotenv("A=1\nSCI_AGENTS_KAFKA\n")


def test_a_default_goes_to_every_task_that_takes_it():
    found = defaults.resolve({"ode": {"rtol": 1e-9}, "linalg": {"default_method": "lu"}})
    assert found[("ode", "ivp")] == {"rtol": 1e-9}
    assert found[("linalg", "solve")] == {"method": "lu"}


def test_a_default_that_every_task_refuses_is_a_mistake():
    with pytest.raises(UsageError, match=r"agents\.ode\.rtol"):
        defaults.resolve({"ode": {"rtol": -1.0}})


@pytest.mark.parametrize("place", sorted(settings.SECRETS))
def test_a_secret_may_stand_in_a_file(place, tmp_path):
    """`…_FILE` names a file that has the value; the variable itself comes first."""
    url = f"{place[0].removesuffix('_url')}://u:secret@h:1/d"
    file = tmp_path / "secret"
    file.write_text(f"{url}\n")
    name = settings.variable(place)
    assert settings.value_at(settings.load({f"{name}_FILE": str(file)}, None), place) == url
    assert settings.value_at(settings.load({f"{name}_FILE": str(file), name: ""}, None), place) == ""
    with pytest.raises(ConfigError, match="cannot be read"):
        settings.load({f"{name}_FILE": str(tmp_path / "nothing")}, None)


@pytest.mark.parametrize("place", sorted(settings.SECRETS))
def test_a_secret_is_shown_nowhere(place, capsys):
    """Neither what is in force nor what is wrong is told with its password."""
    url = f"{place[0].removesuffix('_url')}://u:secret@h:1/d"
    found = settings.load({settings.variable(place): url}, None)
    for as_json in (True, False):
        configuration.show(found, {}, as_json=as_json)
    said = capsys.readouterr().out
    assert "***@h:1/d" in said
    assert "secret" not in said
    with pytest.raises(ConfigError) as told:
        settings.load({settings.variable(place): "u:secret@h"}, None)
    assert "secret" not in str(told.value)
