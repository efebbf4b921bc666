"""Debian's Alertmanager and the program on one configuration, asked the same at the same instants, each case on a route
of its own; what each of them told its webhooks, and answered, comes out.
"""

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote

import httpx
import msgspec
import yaml
from containers.container import free_port
from integration.alerting.running import WITHIN_S, alerting
from listening import listening

from alerting import durations, instants, matchers

SIDES = ("theirs", "ours")
RESOLVE_TIMEOUT_S = 3.0
APART_S = 0.15
"""Between the beginnings of two cases: both have time for each."""
_HOUR_S = 3600.0
_OWN = {"group_by": ["alertname"], "group_wait": "500ms", "group_interval": "1s", "repeat_interval": "1h"}


@dataclass(frozen=True)
class Delivery:
    """What a webhook got: when, in the case's seconds, and the body."""

    at: float
    body: dict[str, Any]


@dataclass
class Found:
    """What one side did: deliveries by case, receiver and webhook; answers by case and question."""

    told: dict[tuple[str, str, int], list[Delivery]] = field(default_factory=dict)
    answers: dict[tuple[str, int, str], tuple[int, Any]] = field(default_factory=dict)
    silences: dict[str, str] = field(default_factory=dict)
    """Names of silences that the case gave, by their ids."""
    receivers: Any = None
    status: Any = None


@contextlib.contextmanager
def alertmanager(program: str, folder, text: str) -> Iterator[str]:
    """Run an Alertmanager until the end of the block; gives its URL."""
    address = f"127.0.0.1:{free_port()}"
    file = folder / "alertmanager.yml"
    file.write_text(text)
    command = [program, f"--config.file={file}", f"--storage.path={folder / 'data'}", "--cluster.listen-address="]
    with (folder / "alertmanager.log").open("wb") as log:
        child = subprocess.Popen([*command, f"--web.listen-address={address}"], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + WITHIN_S
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://{address}/-/ready").status_code == 200:
                    break
            assert child.poll() is None, (folder / "alertmanager.log").read_text()
            assert time.monotonic() < deadline, "it does not begin"
            threading.Event().wait(0.05)
        yield f"http://{address}"
    finally:
        child.terminate()
        child.wait(WITHIN_S)


def receivers_of(case) -> dict[str, list[dict[str, Any]]]:
    """What the webhooks of each receiver have beside a URL."""
    said = case.get("receivers", {"r1": {}})
    return {name: one if isinstance(one, list) else [one] for name, one in said.items()}


def configuration(cases, url: str, slower: float) -> str:
    """One configuration with the routes of all cases; a case's receiver `r1` is `CASE/r1`."""

    def route(name, one):
        made = {key: value for key, value in one.items() if value is not None}
        for key in ("group_wait", "group_interval", "repeat_interval"):
            if key in made:
                made[key] = f"{round(durations.parse(made[key]) * slower * 1000)}ms"
        if "receiver" in made:
            made["receiver"] = f"{name}/{made['receiver']}"
        return made | {"routes": [route(name, child) for child in made.get("routes", [])]}

    routes, receivers, rules, times = [], [{"name": "nobody"}], [], {}
    for name, case in cases.items():
        own = route(name, {"receiver": "r1", **_OWN, **case.get("route", {})})
        routes.append(own | {"matchers": [f'case="{name}"']})
        for receiver, hooks in receivers_of(case).items():
            found = [{"url": f"{url}/{name}/{receiver}/{number}", **one} for number, one in enumerate(hooks)]
            receivers.append({"name": f"{name}/{receiver}", "webhook_configs": found})
        for rule in case.get("inhibit", []):
            sides = ({key: [*rule.get(key, []), f'case="{name}"']} for key in ("source_matchers", "target_matchers"))
            rules.append(rule | next(sides) | next(sides))
        times |= {one["name"]: one for one in case.get("time_intervals", [])}
    made = {
        "global": {"resolve_timeout": f"{RESOLVE_TIMEOUT_S * slower:g}s"},
        "route": {"receiver": "nobody", "routes": routes}, "receivers": receivers, "inhibit_rules": rules,
        "time_intervals": list(times.values()),
    }  # fmt: skip
    return yaml.safe_dump(made, allow_unicode=True)


def happenings(name: str, case, start: float, slower: float) -> Iterator[tuple[float, str, Any]]:
    """When there is what to do: alerts to push, a silence to make or to end, something to ask."""
    began: dict[tuple, float] = {}

    def at(seconds):
        return instants.show(round(start + seconds * slower, 3))

    def alert(labels, **fields):
        return {"labels": {"case": name, **labels}, **fields}

    for one in case["do"]:
        now = one["at"]
        pushed = []
        many = [{"alertname": f"a{number}"} for number in range(one.get("fire_many", 0))]
        for labels in (*one.get("fire", []), *many):
            since = began.setdefault(tuple(sorted(labels.items())), now)
            pushed.append(alert(labels, startsAt=at(since), endsAt=at(_HOUR_S)))
        for labels in one.get("again", []):
            began[tuple(sorted(labels.items()))] = now
            pushed.append(alert(labels, startsAt=at(now), endsAt=at(_HOUR_S)))
        pushed += [
            alert(labels, startsAt=at(began[tuple(sorted(labels.items()))]), endsAt=at(now))
            for labels in one.get("end", [])
        ]
        for raw in one.get("alerts", []):
            named = {"starts": "startsAt", "ends": "endsAt"}
            fields = {there: at(raw[here]) for here, there in named.items() if here in raw}
            fields |= {"annotations": raw.get("annotations", {}), "generatorURL": raw.get("generator", "")}
            pushed.append(alert(raw["labels"], **fields))
        when = start + now * slower
        if pushed:
            yield when, "alerts", pushed
        if "silence" in one:
            wanted = one["silence"]
            read = (found for text in (*wanted["matchers"], f'case="{name}"') for found in matchers.parse(text))
            yield (
                when,
                "silence",
                {
                    "id": wanted["id"], "as": wanted.get("as", wanted["id"]),
                    "body": {
                        "matchers": [
                            {"name": m.name, "value": m.value, "isRegex": "~" in m.op, "isEqual": "!" not in m.op}
                            for m in read
                        ],
                        "startsAt": at(wanted["from"]), "endsAt": at(wanted["to"]), "createdBy": "ada",
                        "comment": wanted["id"],
                    },
                },
            )  # fmt: skip
        if "expire" in one:
            yield when, "expire", one["expire"]
        for question in one.get("ask", []):
            yield when, "ask", (now, question)


class _Side:
    """One of the two, as its clients see it."""

    def __init__(self, url: str) -> None:
        self.found = Found()
        self._client = httpx.Client(
            base_url=f"{url}/api/v2", headers={"content-type": "application/json"}, timeout=30.0
        )
        self._ids: dict[tuple[str, str], str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def do(self, case: str, what: str, value: Any) -> None:
        match what:
            case "alerts":
                self._client.post("/alerts", content=msgspec.json.encode(value)).raise_for_status()
            case "silence":
                known = self._ids.get((case, value["id"]))
                body = value["body"] | ({} if known is None else {"id": known})
                answer = self._client.post("/silences", content=msgspec.json.encode(body)).raise_for_status()
                self._ids[case, value["as"]] = made = answer.json()["silenceID"]
                self.found.silences[made] = value["as"]
            case "expire":
                self._client.delete(f"/silence/{self._ids[case, value]}").raise_for_status()
            case "ask":
                path, _, asked = value[1].partition("?")
                within = f'case="{case}"'
                own = [f"filter={quote(within)}"]
                own += [
                    "=".join((key, quote(said)))
                    for key, _, said in (one.partition("=") for one in asked.split("&") if one)
                ]
                answer = self._client.get(f"/{path}?{'&'.join(own)}")
                self.found.answers[case, *value] = answer.status_code, answer.json()

    def see(self) -> None:
        """Ask what is the same for all cases."""
        self.found.receivers = self._client.get("/receivers").json()
        self.found.status = self._client.get("/status").json()


def run(program: str, folder, cases, slower: float) -> dict[str, Found]:
    """Go through all cases with both; so many seconds of the clock are one of the cases."""
    starts: dict[str, float] = {}
    came: list[tuple[str, str, str, int, float, dict[str, Any]]] = []

    def answer(path, _, body):
        side, name, receiver, number = path.strip("/").split("/")
        now = (time.time() - starts[name]) / slower
        for what, status in (("fails", 503), ("refuses", 400)):
            if now < cases[name].get(what, {}).get(receiver, 0.0):
                return status, {}, b"not now"
        came.append((side, name, receiver, int(number), now, msgspec.json.decode(body)))
        return 200, {}, b""

    with contextlib.ExitStack() as stack:
        url = stack.enter_context(listening(answer))
        theirs = stack.enter_context(alertmanager(program, folder, configuration(cases, f"{url}/theirs", slower)))
        text = configuration(cases, f"{url}/ours", slower)
        ours = stack.enter_context(alerting(folder, text, flag="--alertmanager-config"))
        sides = [stack.enter_context(_Side(one)) for one in (theirs, f"http://{ours.url}")]
        pool = stack.enter_context(ThreadPoolExecutor(len(sides)))
        first = time.time() + 0.5
        starts |= {name: first + number * APART_S * slower for number, name in enumerate(cases)}
        todo = sorted(
            (
                (at, number, name, what, value)
                for name, case in cases.items()
                for number, (at, what, value) in enumerate(happenings(name, case, starts[name], slower))
            ),
            key=lambda one: one[:2],
        )
        waits = threading.Event()
        for at, _, name, what, value in todo:
            waits.wait(max(0.0, at - time.time()))
            list(pool.map(lambda side, *said: side.do(*said), sides, *([one] * 2 for one in (name, what, value))))
        list(pool.map(_Side.see, sides))
        end = max(starts[name] + case["until"] * slower for name, case in cases.items())
        waits.wait(max(0.0, end - time.time()))
    found = {side: one.found for side, one in zip(SIDES, sides, strict=True)}
    for side, name, receiver, number, at, body in came:
        if at <= cases[name]["until"]:
            found[side].told.setdefault((name, receiver, number), []).append(Delivery(at, body))
    return found
