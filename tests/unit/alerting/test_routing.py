"""Routes and matchers: Alertmanager's laws."""

import pytest

from alerting import matchers
from alerting.routing import RouteSpec, match, resolve

TREE = resolve(
    RouteSpec(
        receiver="team",
        group_by=("alertname",),
        routes=(
            RouteSpec(receiver="on-call", matchers=matchers.parse('severity=~"P0|P1"'), goes_on=True),
            RouteSpec(
                receiver="ode",
                matchers=matchers.parse("agent=ode"),
                group_wait=5.0,
                routes=(RouteSpec(matchers=matchers.parse("task=ivp"), group_by=("...",)),),
            ),
            RouteSpec(receiver="rest", matchers=matchers.parse('agent!="",agent!~"o.*"')),
        ),
    )
)


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        pytest.param({}, ["team"], id="no child matches: the route itself"),
        pytest.param({"agent": "ode"}, ["ode"], id="the first that matches"),
        pytest.param({"agent": "pde"}, ["rest"], id="a negated regex"),
        pytest.param({"severity": "P1"}, ["on-call"], id="continue, and nothing follows"),
        pytest.param({"severity": "P1", "agent": "ode"}, ["on-call", "ode"], id="continue: the next as well"),
        pytest.param({"severity": "P10"}, ["team"], id="a regex matches the whole value"),
        pytest.param({"agent": "ode", "task": "ivp"}, ["ode"], id="a child inherits its receiver"),
    ],
)
def test_receivers(labels, receivers):
    assert [route.receiver for route in match(TREE, labels)] == receivers


def test_a_child_inherits_what_it_does_not_say():
    (route,) = match(TREE, {"agent": "ode", "task": "ivp"})
    assert (route.group_wait, route.group_by, route.repeat_interval) == (5.0, ("...",), 14_400.0)
    assert route.group_labels({"a": "1", "b": "2"}) == (("a", "1"), ("b", "2"))


@pytest.mark.parametrize(
    ("text", "labels", "holds"),
    [
        pytest.param("a=1", {"a": "1"}, True, id="equal"),
        pytest.param('a=""', {}, True, id="an absent label is empty"),
        pytest.param("a!=1", {}, True, id="an absent label is not 1"),
        pytest.param('a=~"1|2"', {"a": "12"}, False, id="anchored at both ends"),
        pytest.param('a!~".+"', {}, True, id="an absent label matches no .+"),
        pytest.param('{a="x,y", b="\\"}"}', {"a": "x,y", "b": '"}'}, True, id="quotes, commas and braces"),
    ],
)
def test_matchers(text, labels, holds):
    assert matchers.all_match(matchers.parse(text), labels) is holds


@pytest.mark.parametrize("text", ["a", "=1", 'a=~"("', 'a="1" b="2"', 'a="1', 'a=1"'])
def test_what_is_no_matcher_says_so(text):
    with pytest.raises(ValueError, match=r"matcher|regular expression|comma|quote"):
        matchers.parse(text)


def test_a_group_key_has_values_as_literals_of_go():
    labels = {"team": 'a"b\\c\nd\te\x01\u2028', "größe": "Σ 🙂"}
    key = resolve(RouteSpec("r", group_by=("team", "größe"))).group_key(labels)
    assert key == r"""{}:{"größe"="Σ 🙂", team="a\"b\\c\nd\te\x01\u2028"}"""
