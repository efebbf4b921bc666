"""Defaults of options, agent by agent (`agents:` in the settings): what a task uses when a request does not say.

A default goes to every task of its agent that takes it: the task's own check of its example with that option decides.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from agents import catalogue
from agents.outcome import Problem
from agents.task import Task
from alerting.documents import Place, spell, suggest
from sciagents.errors import UsageError

_ALIASES = {"default_method": "method"}

Complain = Callable[[Place, str, str | None], Exception]
OfTasks = dict[tuple[str, str], dict[str, Any]]


def _refuse(place: Place, message: str, hint: str | None) -> Exception:
    return UsageError(message, field=spell(place), hint=hint)


def resolve(agents: Mapping[str, Mapping[str, Any]], complain: Complain = _refuse) -> OfTasks:
    """Return the options to add to each task's requests; raises what `complain(place, message, hint)` makes."""
    found: OfTasks = {}
    for agent, options in agents.items():
        if agent not in catalogue.AGENTS:
            raise complain(("agents", agent), "no such agent", suggest(agent, catalogue.AGENTS))
        for name, value in options.items():
            place = ("agents", agent, name)
            option = _ALIASES.get(name, name)
            tasks = [task for task in _tasks(agent) if option in task.options.__struct_encode_fields__]
            if not tasks:
                raise complain(place, "no such option", suggest(name, names(agent)))
            problems = {task.name: _problem(task, option, value) for task in tasks}
            if all(problems.values()):
                problem = next(problem for problem in problems.values() if problem is not None)
                raise complain(place, problem.message, problem.hint)
            for task in tasks:
                if problems[task.name] is None:
                    found.setdefault((agent, task.name), {})[option] = value
    return found


def names(agent: str) -> list[str]:
    """Return the names of an agent's options, as the settings may have them."""
    options = {name for task in _tasks(agent) for name in task.options.__struct_encode_fields__}
    return sorted(options | {alias for alias, option in _ALIASES.items() if option in options})


def places() -> Iterator[Place]:
    """Iterate over all keys that `agents` may have."""
    for agent in catalogue.AGENTS:
        for name in names(agent):
            yield ("agents", agent, name)


def from_text(text: str) -> Any:
    """Read a value from a variable: a number or true or false as JSON has them, anything else as text."""
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return value if isinstance(value, bool | int | float) else text


def _tasks(agent: str) -> list[Task]:
    return [task for (owner, _), task in catalogue.TASKS.items() if owner == agent]


def _problem(task: Task, option: str, value: Any) -> Problem | None:
    try:
        task.prepare(task.example, {option: value}, 0)
    except Problem as problem:
        return problem
    return None
