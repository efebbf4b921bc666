"""Debian's Alertmanager and the program tell and answer the same, case by case (`tests/conformance/peers.yaml`).

All cases run side by side at the speed at which they are written; a machine that is too busy for that takes all of
them again at half of the speed.
"""

import shutil
from pathlib import Path

import httpx
import pytest
import yaml
from containers import engine
from integration.alerting.running import alerting
from integration.alerting.side_by_side import SIDES, alertmanager, receivers_of, run

from alerting import instants, matchers

CASES = {
    case["id"].replace(" ", "-").replace(",", ""): case
    for case in yaml.safe_load((Path(__file__).parents[2] / "conformance" / "peers.yaml").read_text())
}
SLOWER = (1.0, 2.0, 4.0)
"""Seconds of the clock for one of a case, the next where the last was too fast for this machine."""
APART_S = 0.4
"""By how many seconds of a case the same may come or be said at different times."""
TIMES = {"startsAt", "endsAt", "updatedAt"}
RECEIVERS = [
    (name, receiver, number)
    for name, case in CASES.items()
    for receiver, hooks in receivers_of(case).items()
    for number in range(len(hooks))
]
ASKED = [
    (name, one["at"], question) for name, case in CASES.items() for one in case["do"] for question in one.get("ask", [])
]


@pytest.fixture(scope="module")
def program():
    return shutil.which("prometheus-alertmanager") or engine.absent("prometheus-alertmanager is not installed")


@pytest.fixture(scope="module")
def pair(program, tmp_path_factory):
    """The URLs of both, with nothing in them."""
    folder = tmp_path_factory.mktemp("pair")
    text = "{route: {receiver: nobody}, receivers: [{name: nobody}]}"
    with (
        alertmanager(program, folder, text) as theirs,
        alerting(folder, text, flag="--alertmanager-config") as ours,
    ):
        yield theirs, f"http://{ours.url}"


@pytest.fixture(scope="module")
def found(program, tmp_path_factory):
    """What both did."""
    both = None
    for slower in SLOWER:
        try:
            both = run(program, tmp_path_factory.mktemp("both"), CASES, slower)
        except httpx.HTTPStatusError:  # so late that a silence was over before it was made
            continue
        if all(wrong(both, *one, slower) is None for one in RECEIVERS):
            break
    assert both is not None, "this machine is too busy"
    return both, slower


def groups_of(deliveries):
    """Deliveries in order, by the key of their group."""
    groups = {}
    for one in deliveries:
        groups.setdefault(one.body["groupKey"], []).append(one)
    return groups


def apart(theirs, ours, slower, place="", *, nearly=False):
    """Where two bodies do not say the same, and what they say.

    Times are nearly the same, or, where a client gave them, to the millisecond, all the same.
    """
    match theirs, ours:
        case dict(), dict() if theirs.keys() == ours.keys():
            for name in theirs:
                yield from apart(theirs[name], ours[name], slower, f"{place}.{name}", nearly=nearly)
        case list(), list() if len(theirs) == len(ours):
            for number, both in enumerate(zip(theirs, ours, strict=True)):
                yield from apart(*both, slower, f"{place}[{number}]", nearly=nearly)
        case str(), str() if place.rpartition(".")[2] in TIMES and not (theirs + ours).count("0001-01-01"):
            given = len(theirs.partition(".")[2]) <= len("000Z") and not nearly
            differ_s = abs(instants.parse(theirs) - instants.parse(ours))
            if differ_s > (0.0005 if given else APART_S * slower) or (nearly and len(theirs) != len(ours)):
                yield place, theirs, ours
        case _ if type(theirs) is not type(ours) or theirs != ours:
            yield place, theirs, ours


def said(one):
    """What a webhook was told; where Alertmanager itself can be found is not compared."""
    return {name: value for name, value in one.body.items() if name != "externalURL"}


def difference(found, name, receiver, number, slower):
    """The first difference between what a webhook was told by both; None where there is none."""
    theirs, ours = (groups_of(found[side].told.get((name, receiver, number), [])) for side in SIDES)
    apart_s = CASES[name].get("slack", {}).get(receiver, APART_S)
    for key in theirs.keys() | ours.keys():
        one, other = theirs.get(key, []), ours.get(key, [])
        if [word(it) for it in one] != [word(it) for it in other]:
            return key, [(round(it.at, 2), word(it)) for it in one], [(round(it.at, 2), word(it)) for it in other]
        for a, b in zip(one, other, strict=True):
            if (found_apart := next(apart(said(a), said(b), slower), None)) is not None:
                return key, *found_apart
            if abs(a.at - b.at) > apart_s:
                return key, word(a), a.at, b.at
    return None


def wrong(found, name, receiver, number, slower):
    """The first difference, or where they are to differ, the first side that was not told what it was to be told."""
    if (differs := CASES[name].get("differs")) is None:
        return difference(found, name, receiver, number, slower)
    for side in SIDES:
        groups = groups_of(found[side].told.get((name, receiver, number), []))
        if (words := [word(one) for key in sorted(groups) for one in groups[key]]) != differs[side][receiver]:
            return side, words, differs[side][receiver]
    return None


def word(delivery):
    """Who fires, and after ! who is over."""
    alerts = delivery.body["alerts"]
    names = {
        status: ",".join(one["labels"]["alertname"] for one in alerts if one["status"] == status)
        for status in ("firing", "resolved")
    }
    return names["firing"] + (f"!{names['resolved']}" if names["resolved"] else "")


@pytest.mark.parametrize(("name", "receiver", "number"), RECEIVERS)
def test_a_webhook_is_told_the_same(found, name, receiver, number):
    """Group, alerts in their order with all that is said of them, what is left out, and when; or as the case has it."""
    both, slower = found
    assert wrong(both, name, receiver, number, slower) is None, CASES[name].get("differs", {}).get("why")


def shown(answer, silences):
    """An answer, with silences by the names that the case gave them, and without what Alertmanager 0.25 has not."""
    match answer:
        case dict():
            return {
                key: sorted(silences[one] for one in value) if key == "silencedBy" else shown(value, silences)
                for key, value in answer.items()
                if key != "mutedBy"
            } | ({"id": silences[answer["id"]]} if "matchers" in answer else {})
        case list():
            return [shown(one, silences) for one in answer]
    return answer


@pytest.mark.parametrize(("name", "at", "question"), ASKED)
def test_a_question_is_answered_the_same(found, name, at, question):
    both, slower = found
    answers = [both[side].answers[name, at, question] for side in SIDES]
    theirs, ours = (shown(answer, both[side].silences) for side, (_, answer) in zip(SIDES, answers, strict=True))
    assert [status for status, _ in answers] == [200, 200]
    assert list(apart(theirs, ours, slower, nearly=True)) == []


def test_they_have_the_same_receivers(found):
    both, _ = found
    assert both["theirs"].receivers == both["ours"].receivers


def written_out(route):
    """A route with what Alertmanager fills in, and without what it leaves out."""
    said = {key: value for key, value in route.items() if value != []}
    if "matchers" in said:
        said["matchers"] = sorted(str(one) for text in said["matchers"] for one in matchers.parse(text))
    return {"continue": False, **said, "routes": [written_out(one) for one in route.get("routes", [])]}


def test_their_status_has_the_same_configuration(found):
    """In other words of YAML, and with other addresses of webhooks."""
    theirs, ours = (found[0][side].status for side in SIDES)
    assert theirs.keys() == ours.keys()
    assert theirs["versionInfo"].keys() == ours["versionInfo"].keys()
    assert theirs["cluster"]["status"] == ours["cluster"]["status"] == "disabled"
    assert len(theirs["uptime"]) == len(ours["uptime"])
    one, other = (yaml.safe_load(status["config"]["original"]) for status in (theirs, ours))
    assert written_out(one["route"]) == written_out(other["route"])
    assert one["global"].items() >= other["global"].items()
    assert [it["name"] for it in one["receivers"]] == [it["name"] for it in other["receivers"]]


SILENCE = {
    "matchers": [{"name": "a", "value": "1", "isRegex": False}], "startsAt": "2036-01-01T00:00:00Z",
    "endsAt": "2036-01-02T00:00:00Z", "createdBy": "ada", "comment": "x",
}  # fmt: skip


def matching(*matchers):
    return SILENCE | {"matchers": [{"name": name, "value": value, "isRegex": regex} for name, value, regex in matchers]}


def without(name):
    return {key: value for key, value in SILENCE.items() if key != name}


NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "alerts", []),
        ("POST", "alerts", {}),
        ("POST", "alerts", None),
        ("POST", "alerts", [{}]),
        ("POST", "alerts", [{"labels": {}}]),
        ("POST", "alerts", [{"labels": {"a": 1}}]),
        ("POST", "alerts", [{"labels": {"a": ""}}]),
        ("POST", "alerts", [{"labels": {"a": "1"}, "annotations": {"b": 2}}]),
        ("POST", "alerts", [{"labels": {"a": "1"}, "startsAt": "now"}]),
        (
            "POST",
            "alerts",
            [{"labels": {"a": "1"}, "startsAt": "2026-01-02T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z"}],
        ),
        ("POST", "alerts", [{"labels": {"a": "1"}, "unknown": "x", "endsAt": "2026-01-01T00:00:00Z"}]),
        ("POST", "silences", SILENCE),
        ("POST", "silences", {}),
        *(("POST", "silences", without(name)) for name in SILENCE),
        ("POST", "silences", SILENCE | {"matchers": []}),
        ("POST", "silences", SILENCE | {"id": NOBODY}),
        ("POST", "silences", SILENCE | {"endsAt": "2035-01-01T00:00:00Z"}),
        ("POST", "silences", SILENCE | {"startsAt": "2020-01-01T00:00:00Z", "endsAt": "2021-01-01T00:00:00Z"}),
        ("POST", "silences", SILENCE | {"comment": ""}),
        ("POST", "silences", SILENCE | {"createdBy": ""}),
        ("POST", "silences", matching(("a", "(", True))),
        ("POST", "silences", matching(("", "x", False))),
        ("POST", "silences", matching(("a", "", False))),
        ("POST", "silences", matching(("a", ".*", True), ("b", "", False))),
        ("POST", "silences", matching(("a", ".*", True), ("b", "c", False))),
        ("GET", f"silence/{NOBODY}", None),
        ("GET", "silences?filter=((", None),
        ("GET", "alerts?filter=((", None),
        ("GET", "alerts?receiver=((", None),
        ("GET", "alerts?silenced=0", None),
        ("GET", "alerts?unheard=of", None),
        ("GET", "alerts/groups?filter=a", None),
        ("GET", "alerts/groups?receiver=((", None),
        ("GET", "nowhere", None),
        ("DELETE", "alerts", None),
        ("PUT", "silences", SILENCE),
        ("POST", "status", {}),
    ],
)
def test_what_cannot_be_is_answered_with_the_same_status(pair, method, path, body):
    theirs, ours = (httpx.request(method, f"{url}/api/v2/{path}", json=body, timeout=30.0) for url in pair)
    assert theirs.status_code == ours.status_code, (theirs.text, ours.text)


@pytest.mark.parametrize(
    ("method", "path", "body", "statuses", "why"),
    [
        pytest.param(
            "POST", "alerts", [{"labels": {"a": "1"}, "generatorURL": "no url"}], [422, 200],
            "an alert is not lost for its link", id="a link that is none",
        ),
        pytest.param(
            "GET", "silence/none", None, [422, 404], "a silence's name may be any text here", id="no name of a silence",
        ),
        pytest.param(
            "DELETE", f"silence/{NOBODY}", None, [500, 404], "what is not there is not found", id="an unknown silence",
        ),
        pytest.param("GET", "alerts?active=maybe", None, [200, 400], "nonsense means nothing", id="no truth"),
        pytest.param(
            "GET", 'alerts?filter={a="1",b="2"}', None, [400, 200], "as since Alertmanager 0.27", id="in braces",
        ),
        pytest.param(
            "POST", "alerts", [{"labels": {"service.name": "1"}}], [400, 200], "as since Alertmanager 0.27",
            id="a label's name in UTF-8",
        ),
    ],
)  # fmt: skip
def test_where_they_answer_differently_it_is_for_a_reason(pair, method, path, body, statuses, why):
    answers = [httpx.request(method, f"{url}/api/v2/{path}", json=body, timeout=30.0) for url in pair]
    assert [one.status_code for one in answers] == statuses, why
