"""Rotations: whose turn it is, over weeks, time zones, changes of the clock, and overrides."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting import instants
from alerting.documents import ConfigError
from alerting.escalation import Chain, Step
from alerting.rotations import Handover, Override, Rotation, parse_handover, staffed, unstaffed

BERLIN = ZoneInfo("Europe/Berlin")
WEEKLY = Rotation(
    members=("ada", "grace"), start=date(2026, 1, 5), handover=Handover(0, time(9)), zone=BERLIN,
    overrides=(
        Override("grace", instants.parse("2026-12-24T00:00:00Z"), instants.parse("2026-12-27T00:00:00Z")),
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("at", "person"),
    [
        pytest.param("2026-01-05T08:59:59+01:00", None, id="before the first hand-over nobody"),
        pytest.param("2026-01-05T09:00:00+01:00", "ada", id="the first shift begins with its hand-over"),
        pytest.param("2026-01-12T08:59:59+01:00", "ada", id="a shift lasts until the next hand-over"),
        pytest.param("2026-01-12T09:00:00+01:00", "grace", id="and not a second longer"),
        pytest.param("2026-01-19T09:00:00+01:00", "ada", id="after the last member the first again"),
        pytest.param("2026-03-30T08:59:59+02:00", "grace", id="in summer it is 09:00 of the summer"),
        pytest.param("2026-03-30T09:00:00+02:00", "ada", id="not 09:00 of the winter"),
        pytest.param("2026-10-26T08:59:59+01:00", "grace", id="nor in winter that of the summer"),
        pytest.param("2026-10-26T09:00:00+01:00", "ada", id="the week in which the clock is set back"),
        pytest.param("2026-12-23T23:59:59+00:00", "ada", id="before an override"),
        pytest.param("2026-12-24T00:00:00+00:00", "grace", id="an override counts from its first instant"),
        pytest.param("2026-12-26T23:59:59+00:00", "grace", id="to its last"),
        pytest.param("2026-12-27T00:00:00+00:00", "ada", id="and then the turn goes on as if there had been none"),
    ],
)
def test_who_is_on_call(at, person):
    assert WEEKLY.on_call(instants.parse(at)) == person


@pytest.mark.parametrize(
    ("rotation", "at", "person"),
    [
        pytest.param(
            Rotation(members=("a", "b"), start=date(2026, 1, 7), handover=Handover(0, time(9))),
            "2026-01-07T00:00:00Z", "a", id="a start in the middle of a shift is in that of the first",
        ),
        pytest.param(
            Rotation(members=("a", "b"), start=date(2026, 1, 7), handover=Handover(0, time(9))),
            "2026-01-12T09:00:00Z", "b", id="which ends at its hand-over",
        ),
        pytest.param(
            Rotation(members=("a", "b"), start=date(2026, 3, 28), length=86_400.0, handover=Handover(None, time(2, 30)),
                     zone=BERLIN),
            "2026-03-29T03:29:59+02:00", "a", id="a hand-over that the clock skips",
        ),
        pytest.param(
            Rotation(members=("a", "b"), start=date(2026, 3, 28), length=86_400.0, handover=Handover(None, time(2, 30)),
                     zone=BERLIN),
            "2026-03-29T03:30:00+02:00", "b", id="happens as much later as it skips",
        ),
        pytest.param(
            Rotation(members=("a", "b"), start=date(2026, 10, 24), length=86_400.0,
                     handover=Handover(None, time(2, 30)), zone=BERLIN),
            "2026-10-25T02:30:00+02:00", "b", id="one that the clock repeats happens the first time",
        ),
        pytest.param(
            Rotation(members=("a", "b"), start=date(2026, 10, 24), length=86_400.0,
                     handover=Handover(None, time(2, 30)), zone=BERLIN),
            "2026-10-25T02:15:00+01:00", "b", id="and is not taken back",
        ),
        pytest.param(
            Rotation(members=("a", "b"), start=date(2026, 1, 1), length=43_200.0), "2026-01-01T12:00:00Z", "b",
            id="half a day",
        ),
        pytest.param(
            Rotation(members=("a",), start=date(2026, 1, 1), overrides=(Override(None, 0.0, 2e9),)),
            "2026-01-02T00:00:00Z", None, id="an override by nobody",
        ),
        pytest.param(
            Rotation(members=("a",), start=date(2026, 1, 1),
                     overrides=(Override("b", 0.0, 2e9), Override("c", 0.0, 2e9))),
            "2026-01-02T00:00:00Z", "c", id="of two overrides the last",
        ),
    ],
)  # fmt: skip
def test_shifts(rotation, at, person):
    assert rotation.on_call(instants.parse(at)) == person


@given(
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]),
    days=st.integers(1, 14), hour=st.integers(0, 23), minute=st.integers(0, 59),
    after=st.floats(0, 5 * 365 * 86_400.0),
)  # fmt: skip
def test_a_shift_of_days_changes_at_the_hand_over_on_the_wall_clock_and_nowhere_else(zone, days, hour, minute, after):
    """Between an instant and the next change of the shift's number lies a hand-over, at most one length ahead."""
    rotation = Rotation(
        members=("a", "b"), start=date(2024, 1, 1), length=days * 86_400.0,
        handover=Handover(None, time(hour, minute)), zone=ZoneInfo(zone),
    )  # fmt: skip
    begin = datetime(2024, 1, 1, hour, minute, tzinfo=ZoneInfo(zone)).timestamp()
    now = begin + after
    number = rotation.shift(now)
    low, high = now, now + days * 86_400.0 + 7_200.0
    assert rotation.shift(high) > number
    while high - low > 1.0:
        middle = (low + high) / 2
        low, high = (middle, high) if rotation.shift(middle) == number else (low, middle)
    assert rotation.shift(high) == number + 1
    change = datetime.fromtimestamp(round(high), ZoneInfo(zone))
    exact = change.replace(hour=hour, minute=minute, second=0, fold=0)
    assert abs(exact.timestamp() - high) <= 2.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mon 09:00", Handover(0, time(9))), ("sunday 23:59", Handover(6, time(23, 59))),
        ("08:30", Handover(None, time(8, 30))),
    ],
)  # fmt: skip
def test_hand_overs_are_read(text, expected):
    assert parse_handover(text) == expected


@pytest.mark.parametrize("text", ["", "Mon", "Moon 09:00", "Mon 24:00", "9:00", "Mon 09:00 CET"])
def test_what_is_no_hand_over_is_refused(text):
    with pytest.raises(ValueError, match="is no hand-over"):
        parse_handover(text)


def test_a_chain_is_staffed_with_who_is_on_call():
    chain = Chain((Step(0.0, ("primary", "grace")), Step(60.0, ("empty",))), data_loss=Step(0.0, ("primary",)))
    empty = Rotation(members=("x",), start=date(2030, 1, 1))
    now = instants.parse("2026-01-13T00:00:00Z")
    found = staffed(chain, {"primary": WEEKLY, "empty": empty}, now)
    assert [step.notify for step in found.steps] == [("grace",), ()]
    assert found.data_loss.notify == ("grace",)
    assert unstaffed({"primary": WEEKLY, "empty": empty}, now) == ["empty"]


BASE = """\
route: {receiver: ada}
receivers: []
people: {ada: {webhook_configs: [{url: "http://a"}]}, grace: {webhook_configs: [{url: "http://b"}]}}
escalation: [{steps: [{after: 0s, notify: [primary]}]}]
rotations:
  primary: {members: [ada, grace], length: 1w, handover: "Mon 09:00", time_zone: Europe/Berlin, start: 2026-01-05,
            overrides: [{person: grace, from: 2026-12-24T00:00:00Z, to: 2026-12-27T00:00:00Z}]}
"""


def test_a_configuration_holds_rotations(read):
    assert read(BASE).rotations == {"primary": WEEKLY}


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("[ada, grace]", "[ada, gracy]", "rotations.primary.members[1]: no person or receiver 'gracy' (did you"),
        ("person: grace", "person: eve", "overrides[0].person: no person or receiver 'eve'"),
        ("Mon 09:00", "Mon 9", "rotations.primary.handover: 'Mon 9' is no hand-over"),
        ("Europe/Berlin", "Europe/Berlim", "rotations.primary.time_zone: 'Europe/Berlim' is no time zone"),
        ("start: 2026-01-05", "start: soon", "rotations.primary.start: 'soon' is no date"),
        ("to: 2026-12-27T00:00:00Z", "to: 2026-12-23T00:00:00Z", "overrides[0].to: is not after `from`"),
        ("to: 2026-12-27T00:00:00Z", "to: 2026-12-27", "has no offset from UTC"),
        ("1w", "1s", "rotations.primary.length: must be from 1m to 1y"),
        ("  primary: {", "  ada: {", "rotations.ada: a person or receiver has this name"),
        ("notify: [primary]", "notify: [primari]", "no person, rotation or receiver 'primari'"),
        ("length:", "lenght:", "rotations.primary.lenght: unknown key (did you mean 'length'?)"),
    ],
)  # fmt: skip
def test_a_rotation_that_is_wrong_says_where(read, old, new, error):
    assert old in BASE
    with pytest.raises(ConfigError) as raised:
        read(BASE.replace(old, new))
    assert error in str(raised.value)
