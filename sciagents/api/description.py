"""The API described: OpenAPI for programs, one page for people."""

from functools import cache
from typing import Any

import jinja2
import msgspec
from litestar import Litestar
from litestar.openapi.spec import OpenAPI

from sciagents.api.history import Summary
from sciagents.api.incidents import NewCommand
from streams.contracts import OpsEvent, Request, Result

_REF = "#/components/schemas/{name}"
_BODIES: dict[str, tuple[type[Any], tuple[str, ...]]] = {
    "/v1/requests": (Request, ("application/json", "application/msgpack")),
    "/v1/events": (OpsEvent, ("application/json",)),
    "/v1/incidents/{incident_id}/commands": (NewCommand, ("application/json",)),
}
_RESULTS = (("/v1/requests", "post"), ("/v1/requests/{request_id}", "get"))


@cache
def document(app: Litestar) -> dict[str, Any]:
    """Litestar's description, with what it cannot see: bodies that are read as bytes, and results passed on as such."""
    schema: OpenAPI = app.openapi_schema
    made: dict[str, Any] = schema.to_schema()
    types = [*(kind for kind, _ in _BODIES.values()), Result, Summary]
    references, components = msgspec.json.schema_components(types, ref_template=_REF)
    made.setdefault("components", {}).setdefault("schemas", {}).update(components)
    for (path, (_, media)), reference in zip(_BODIES.items(), references, strict=False):
        made["paths"][path]["post"]["requestBody"] = {
            "required": True,
            "content": {kind: {"schema": reference} for kind in media},
        }
    for path, method in _RESULTS:
        made["paths"][path][method]["responses"] |= {
            "200": {"description": "The result", "content": {"application/json": {"schema": references[-2]}}},
            "202": {"description": "No result yet", "content": {"application/json": {"schema": references[-1]}}},
        }
    made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    made["security"] = [{"token": []}, {}]
    return made


_PAGE = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{ info.title }}</title>
<style>
 body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
 code, pre { font-size: 0.9em; background: #f3f3f3; padding: 0.1em 0.3em } pre { padding: 1em; overflow: auto }
 h2 { margin-top: 2em } summary { cursor: pointer } .method { text-transform: uppercase; font-weight: 600 }
</style>
<h1>{{ info.title }} {{ info.version }}</h1>
<p>{{ info.description }} The same for programs: <a href="openapi.json">openapi.json</a>.</p>
{% for path, operations in paths.items() %}
{% for method, operation in operations.items() %}
<h2><span class="method">{{ method }}</span> <code>{{ path }}</code></h2>
<p>{{ operation.summary }}. {{ operation.description }}</p>
{% if operation.parameters %}
<ul>
{% for parameter in operation.parameters %}
<li><code>{{ parameter.name }}</code> ({{ parameter.in }}) {{ parameter.description }}</li>
{% endfor %}
</ul>
{% endif %}
{% if operation.requestBody %}
<p>Body: {% for kind, media in operation.requestBody.content.items() %}<code>{{ kind }}</code> {% endfor %}:
<a href="#{{ (operation.requestBody.content.values() | first).schema["$ref"].split("/") | last }}">
{{ (operation.requestBody.content.values() | first).schema["$ref"].split("/") | last }}</a></p>
{% endif %}
<p>Answers: {% for status, answer in operation.responses.items() %}
<code>{{ status }}</code> {{ answer.description }}{{ "" if loop.last else "; " }}{% endfor %}</p>
{% endfor %}
{% endfor %}
<h2>Shapes</h2>
{% for name, shape in components.schemas.items() %}
<details id="{{ name }}"><summary><code>{{ name }}</code></summary><pre>{{ shape | tojson(2) }}</pre></details>
{% endfor %}
</html>
""")


def page(made: dict[str, Any]) -> str:
    """Write a description as one page that loads nothing from elsewhere."""
    return _PAGE.render(made)
