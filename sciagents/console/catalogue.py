"""What `agents` does: prints the catalogue."""

from typing import Any

import msgspec

from agents import catalogue
from alerting.documents import suggest
from sciagents.console.tables import print_fields, print_json, print_table, say
from sciagents.errors import UsageError


def show(name: str | None, *, as_json: bool) -> None:
    """Print all tasks in a table, or those of one agent with their inputs, options and an example."""
    if name is not None and name not in catalogue.AGENTS:
        raise UsageError(f"no agent {name[:80]!r}", field="NAME", hint=suggest(name, catalogue.AGENTS))
    tasks = catalogue.describe(name)
    if as_json:
        print_json(tasks)
    elif name is None:
        rows = ((task["agent"], task["task"], ", ".join(task["methods"]), task["summary"]) for task in tasks)
        print_table(("agent", "task", "methods", "what it does"), rows)
    else:
        for number, task in enumerate(tasks):
            if number:
                say("")
            print_fields(_fields(task))


def _fields(task: dict[str, Any]) -> list[tuple[str, object]]:
    return [
        (f"{task['agent']}.{task['task']}", task["summary"]),
        ("methods", ", ".join(task["methods"])),
        ("inputs", _names(task["inputs"])),
        ("options", _names(task["options"])),
        ("example", msgspec.json.encode(task["example"]).decode()),
    ]


def _names(schema: dict[str, Any]) -> str:
    """The keys of a JSON Schema; those that may be left out in brackets."""
    whole = schema.get("$defs", {}).get(str(schema.get("$ref", "")).rpartition("/")[2], schema)
    required = set(whole.get("required", ()))
    return ", ".join(name if name in required else f"[{name}]" for name in whole.get("properties", {}))
