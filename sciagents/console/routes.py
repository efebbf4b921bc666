"""What `routes test` does."""

import os
from collections.abc import Sequence
from pathlib import Path

from alerting import config as configuration
from alerting import matchers, routing
from sciagents import shipped
from sciagents.console.tables import complain, print_json, say
from sciagents.errors import UsageError


def test(file: Path | None, written: Sequence[str], expected: str | None, *, as_json: bool) -> bool:
    """Print where an alert with these labels goes; whether that is to the expected receivers, where there are some."""
    config = configuration.load(file or shipped.folder("config") / "alerting.yaml", os.environ)
    routes = routing.match(config.route, _labels(written))
    found = [route.receiver for route in routes]
    if as_json:
        print_json([{"receiver": route.receiver, "group_by": route.group_by, "route": route.key} for route in routes])
    else:
        say(",".join(found))
    if expected is not None and expected.split(",") != found:
        complain(f"expected {expected}, got {','.join(found)}")
        return False
    return True


def _labels(written: Sequence[str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for text in written:
        try:
            found = matchers.parse(text)
        except ValueError as error:
            raise UsageError(str(error), field="LABEL=VALUE") from None
        for one in found:
            if one.op != "=":
                raise UsageError(f"{text!r}: only LABEL=VALUE stands for an alert's label", field="LABEL=VALUE")
            labels[one.name] = one.value
    return labels
