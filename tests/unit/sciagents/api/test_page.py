"""The web page: how incidents stand, for people; nothing on it is taken for markup or loaded from elsewhere."""

from html.parser import HTMLParser

import pytest
from msgspec.structs import replace
from unit.alerting.making import NOW, make_incident

from alerting import instants
from sciagents.api import page
from streams.contracts import EscalationState, Transition


def at(seconds):
    return instants.show(NOW + seconds)


class Reader(HTMLParser):
    """What a browser would see: tags with their attributes, and the text of each element of a class."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.marked, self._class = [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.append(tag)
        self._class = found.get("class")
        if "href" in found:
            self.links.append(found["href"])
        assert not [name for name in found if name.startswith("on")]

    def handle_data(self, data):
        if self._class == "overdue":
            self.marked.append(data)
            self._class = None


def read(*found, lately=(), now=NOW):
    return Reader(page.render(found, lately, {"docs": "API"}, now))


@pytest.mark.parametrize(
    ("fields", "marked"),
    [
        pytest.param({"next_update_at": at(0)}, ["overdue since 2025-10-01 14:30 UTC"], id="overdue"),
        pytest.param({"next_update_at": at(1)}, [], id="due"),
        pytest.param({}, [], id="none promised"),
        pytest.param({"next_update_at": "soon"}, [], id="of somebody else"),
    ],
)
def test_an_update_that_is_overdue_is_marked(fields, marked):
    assert read(replace(make_incident(), **fields)).marked == marked


def test_each_incident_links_to_its_post_mortem():
    links = read(make_incident(), lately=[replace(make_incident(number=7), status="resolved")]).links
    assert "v1/incidents/INC-2025-000042/postmortem" in links
    assert "v1/incidents/INC-2025-000007/postmortem" in links


def test_the_worst_stand_first_then_the_oldest():
    found = [
        replace(make_incident(number=number), severity=severity, started_at=at(number))
        for number, severity in ((1, "P3"), (3, "P1"), (2, "P1"))
    ]
    links = [link for link in read(*found).links if link.endswith("/postmortem")]
    assert [link.split("/")[2][-1] for link in links] == ["2", "3", "1"]


def test_who_has_it_and_until_when_it_is_put_off_is_shown():
    incident = replace(
        make_incident(), snoozed_until=at(3600), escalation=EscalationState(step=1, due_at=at(3600), target="ada")
    )
    facts = {fact.name: fact.said for fact in page.row(incident, NOW).facts}
    assert (facts["With"], facts["Put off until"]) == ("ada", "2025-10-01 15:30 UTC")


def test_text_from_outside_is_text():
    """Titles, impacts, reasons and ids come from whoever sends alerts."""
    evil = "<img src=x onerror=alert(1)></dd><script>x</script>"
    incident = replace(
        make_incident(), id=f'INC"><script>{evil}', title=evil, affected=evil, impact=evil, started_at=evil,
        timeline=[Transition(at=evil, what=evil, by=evil, reason=evil)],
    )  # fmt: skip
    assert set(read(incident).tags) == set(read(make_incident()).tags)


def test_nothing_is_loaded_from_elsewhere_and_no_script_runs():
    found = read(make_incident())
    assert not {"script", "img", "link", "iframe", "form"} & set(found.tags)
    assert not [link for link in found.links if "//" in link]
    assert "default-src 'none'" in page._HEADERS["Content-Security-Policy"]


def test_a_quiet_day_says_so():
    assert "None." in page.render([], [], {}, NOW)
