"""The catalogue as a page of Markdown: `docs/agents.md`."""

from inspect import cleandoc
from typing import Any

import msgspec

from agents import catalogue

_HEAD = """# Agents and tasks

Written by `sci-agents agents --output docs/agents.md` from the catalogue itself; `sci-agents agents NAME --json` and
`GET /v1/agents` give the same with JSON Schemas. Every request has `id`, `agent`, `task` and `inputs`; every result has
`outputs` or an `error`, and `diagnostics` whose `error_estimate` bounds the error.

| agent | task | methods | what it does |
|---|---|---|---|
"""


def markdown() -> str:
    """Write the page: a table of all tasks, then each with its inputs, options and an example."""
    tasks = catalogue.describe()
    parts = [_HEAD]
    for task in tasks:
        name = f"[`{task['task']}`](#{task['agent']}{task['task']})"
        parts.append(f"| `{task['agent']}` | {name} | {', '.join(task['methods'])} | {task['summary']} |\n")
    parts += [_section(task) for task in tasks]
    return "".join(parts)


def _section(task: dict[str, Any]) -> str:
    inputs, options = _whole(task["inputs"]), _whole(task["options"])
    example = msgspec.json.format(msgspec.json.encode(task["example"]), indent=-1).decode()
    if len(example) > 1500:
        example = f"{example[:1500]}…"
    return (
        f"\n## `{task['agent']}.{task['task']}`\n\n{task['summary']}\n\n"
        f"**Inputs** {_names(inputs)}\n\n{_text(inputs)}\n\n"
        f"**Options** {_names(options)}\n\n{_text(options)}\n\n"
        f"```json\n{example}\n```\n"
    )


def _whole(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema.get("$defs", {}).get(str(schema.get("$ref", "")).rpartition("/")[2], schema)
    return found


def _names(schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    return ", ".join(f"`{name}`" if name in required else f"[`{name}`]" for name in schema.get("properties", {}))


def _text(schema: dict[str, Any]) -> str:
    return cleandoc(str(schema.get("description", "")))
